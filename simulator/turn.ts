import { wait } from "./clock.ts";
import { ApiError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { type Beat, BrokenConnection, events, type Frames, play } from "./frames.ts";
import type { Entry } from "./journal.ts";
import type { Lane } from "./lanes.ts";
import { refuse } from "./refusal.ts";
import { requiredBody } from "./request-body.ts";
import type { ResponseScript } from "./response-script.ts";
import { beginResponse, framesOf } from "./responses.ts";
import type { Interruption, Scenario } from "./scenario.ts";
import { errorMessage, messagesOf, rateLimitsMessage } from "./socket-frames.ts";
import type { StoredResponse } from "./stored-response.ts";

/** One `response.create` in its lane. */
export interface Turn {
  readonly lane: Lane;
  readonly exchange: Exchange;
  readonly credential: string;
  readonly send: (text: string) => void;
  /** Closes the whole connection. */
  readonly end: (ending: "broken", code: number) => void;
  readonly signal: AbortSignal;
}

/** Answers one request, and what the user says while it is answered. Throws `ApiError` to refuse. */
export async function respond(turn: Turn, entry: Entry): Promise<void> {
  const { lane, exchange, credential, signal, send, end } = turn;
  const { scenario } = exchange;
  await wait(scenario.firstMs, signal);
  if (scenario.webSocket.limit) {
    const refusal = hourIsOver();
    entry.noteStatus(refusal.status);
    send(errorMessage(refusal, lane.streamId));
    end("broken", 1000);
    return;
  }
  if (scenario.refusal !== null) {
    await refuse(scenario.refusal, scenario, credential, signal);
    throw new ApiError(400, { message: "There is no redirect in a WebSocket.", code: "invalid_control" });
  }
  if (exchange.body?.background === true) {
    throw new ApiError(400, { message: "Background mode is not supported over WebSocket.", param: "background" });
  }
  entry.noteStatus(200);
  for (let next: Exchange | null = exchange; next !== null; ) next = await say({ ...turn, exchange: next });
}

/** Plays one response. Gives what comes next where the user has said something meanwhile. */
async function say(turn: Turn): Promise<Exchange | null> {
  const { lane, exchange, send, end } = turn;
  const { scenario } = exchange;
  const body = requiredBody(exchange.body);
  const { response, script } = beginResponse(exchange, body, body.generate === false);
  send(rateLimitsMessage());
  await playTo(turn, script, response).catch((error: unknown) => {
    if (error instanceof BrokenConnection) response.finish();
    else response.cancel();
    throw error;
  });
  if (interruptionOf(scenario) !== null) {
    response.finish();
    end("broken", scenario.webSocket.closeCode ?? 1000);
  }
  if (scenario.ending === "failed") lane.latest = null;
  const input = lane.steering;
  lane.steering = null;
  if (input === null) return null;
  const successor = { ...body, generate: true, input, previous_response_id: response.id };
  return { ...exchange, body: successor, bodyText: JSON.stringify(successor) };
}

/** Sends the events of one response; what the user says meanwhile ends it after the event on its way. */
async function playTo(turn: Turn, script: ResponseScript, response: StoredResponse): Promise<void> {
  const { lane, exchange, send, signal } = turn;
  const sendBeat = (beat: Beat) => {
    for (const text of messagesOf(beat, lane.streamId)) send(text);
  };
  const frames = framesOf(script, response);
  let shown = 0;
  const counted: Frames = {
    ...frames,
    delta(index) {
      shown = index + 1;
      return frames.delta(index);
    },
  };
  const scenario = { ...exchange.scenario, interruption: interruptionOf(exchange.scenario) };
  for await (const beat of play(counted, scenario, signal)) {
    sendBeat(beat);
    if (lane.steering === null || response.isOver()) continue;
    script.steerAfter(shown);
    sendBeat(events(frames.closing()));
    return;
  }
}

function interruptionOf({ interruption, webSocket }: Scenario): Interruption | null {
  return webSocket.closeCode === null ? interruption : { kind: "eof", after: 1 };
}

function hourIsOver(): ApiError {
  return new ApiError(400, {
    message:
      "Responses websocket connection limit reached (60 minutes). Create a new websocket connection to continue.",
    code: "websocket_connection_limit_reached",
  });
}
