import { parseScenario } from "./controls.ts";
import { ApiError } from "./errors.ts";
import { controlsIn } from "./exchange.ts";
import type { Arrival, Entry, Journal } from "./journal.ts";
import { createLanes } from "./lanes.ts";
import { type JsonObject, parseObject } from "./request-body.ts";
import type { ResponseStore } from "./response-store.ts";
import { errorMessage } from "./socket-frames.ts";
import { steer } from "./steering.ts";
import { respond, type Turn } from "./turn.ts";

/** One WebSocket connection, from its 101 on. */
export interface ConnectionTerms {
  readonly socket: WebSocket;
  /** The upgrade's headers and address: its requests have none of their own. */
  readonly arrival: Arrival;
  readonly path: string;
  readonly host: string;
  /** The control lists of the upgrade. Those of a request come on top. */
  readonly controls: readonly (string | null | undefined)[];
  readonly credential: string;
  readonly journal: Journal;
  readonly store: ResponseStore;
  /** The upgrade's own entry; it is open as long as the connection. */
  readonly entry: Entry;
  /** Pulled when the connection is over. */
  readonly abort: AbortController;
}

const ROUTE = "WS /v1/responses";

/** Answers what comes through `socket` until it is closed. */
export function serveConnection(terms: ConnectionTerms): void {
  const { socket, arrival, path, host, controls, credential, journal, store, abort } = terms;
  const lanes = createLanes(store);
  let inbox = Promise.resolve();
  let steered = 0;

  function send(text: string): void {
    if (!abort.signal.aborted) socket.send(text);
  }

  function end(ending: "cancelled" | "broken", code: number): void {
    if (abort.signal.aborted) return;
    terms.entry.end(ending);
    abort.abort(ending);
    socket.close(code);
  }

  async function receive(data: unknown): Promise<void> {
    const frame = typeof data === "string" ? parseObject(data) : null;
    if (frame?.type === "response.create") await create(frame, String(data));
    else if (frame?.type === "response.steer") send(steer(lanes, frame, steered++));
    else send(errorMessage(new ApiError(400, { message: "This is no client event." }), null));
  }

  async function create({ type: _, stream_id: streamId, ...body }: JsonObject, text: string): Promise<void> {
    const entry = await journal.open(ROUTE, arrival);
    const ended = () => entry.end(abort.signal.reason === "broken" ? "broken" : "cancelled");
    abort.signal.addEventListener("abort", ended, { once: true });
    entry.noteBody(new TextEncoder().encode(text).byteLength, body);
    try {
      const scenario = parseScenario([...controls, controlsIn(body)], host);
      const lane = lanes.of(streamId);
      if (lane.streamId === null && lane.busy > 0 && !scenario.webSocket.queue) throw busy();
      const exchange = {
        method: arrival.method,
        path,
        params: {},
        query: new URLSearchParams(),
        body,
        bodyText: text,
        scenario,
        store: lanes.storeFor(lane),
      };
      lanes.enqueue(lane, () => answer({ lane, exchange, credential, send, end, signal: abort.signal }, entry));
    } catch (error) {
      refuseWith(error, typeof streamId === "string" ? streamId : null, entry);
    }
  }

  async function answer(turn: Turn, entry: Entry): Promise<void> {
    try {
      await respond(turn, entry);
      entry.end("complete");
    } catch (error) {
      turn.lane.latest = null;
      if (!abort.signal.aborted) refuseWith(error, turn.lane.streamId, entry);
    }
  }

  function refuseWith(error: unknown, streamId: string | null, entry: Entry): void {
    if (!(error instanceof ApiError)) {
      end("broken", 1011);
      return;
    }
    entry.noteStatus(error.status);
    send(errorMessage(error, streamId));
    entry.end("complete");
  }

  socket.addEventListener("message", ({ data }) => {
    inbox = inbox.then(() => receive(data));
  });
  socket.addEventListener("close", () => end("cancelled", 1000));
  socket.addEventListener("error", () => end("cancelled", 1011));
}

function busy(): ApiError {
  return new ApiError(400, {
    message: "A response is still running in this connection; name a 'stream_id' to run several at once.",
    code: "response_in_progress",
    param: "stream_id",
  });
}
