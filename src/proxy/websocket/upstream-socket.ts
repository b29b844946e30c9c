import type { Json } from "../../protocol/adapter.ts";
import { parseData } from "../../protocol/sse.ts";
import { addressOf, type Target } from "../target.ts";
import { headersToClient, headersToUpstream, type PlainHeaders } from "../upstream-headers.ts";

/** Who waits for an answer on the connection. */
export interface Receiver {
  event(json: string): void;
  /** The connection ended before the answer did. */
  closed(): void;
}

export interface Handshake {
  readonly socket: UpstreamSocket;
  /** Of upstream's headers, those that the client may see. */
  readonly headers: PlainHeaders;
}

/** Codex waits 15 s for its own handshake. */
const CONNECT_MS = 8_000;

/**
 * Opens a WebSocket to an upstream for one client; `null` where upstream does not take it. Throws when it cannot be
 * reached, or does not answer in time.
 */
export async function connectUpstream(target: Target, from: Headers, requestId: string): Promise<Handshake | null> {
  const controller = new AbortController();
  const connectMs = Math.min(target.patience.connectMs, CONNECT_MS);
  const timer = setTimeout(() => controller.abort(new Error("upstream_silent")), connectMs);
  try {
    const { "accept-encoding": _, ...headers } = headersToUpstream(target, {
      // No read of anything, of which a part could be asked for.
      method: "UPGRADE",
      from,
      requestId,
      body: null,
    });
    const response = await fetch(addressOf(target, "/responses", ""), {
      headers: { ...headers, upgrade: "websocket" },
      redirect: "manual",
      signal: controller.signal,
    });
    const { webSocket } = response;
    if (webSocket) return { socket: new UpstreamSocket(target, webSocket), headers: headersToClient(response.headers) };
    await response.body?.cancel();
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** A connection to an upstream. It serves one client and nobody else: upstream keeps that client's responses in it. */
export class UpstreamSocket {
  readonly target: Target;
  /** Called once, after every receiver. */
  onClosed: (code: number) => void = () => undefined;
  /** What upstream says of the connection and not of one answer. */
  onNotice: (json: string) => void = () => undefined;

  readonly #socket: WebSocket;
  readonly #receivers = new Map<Json, Receiver>();
  #open = true;

  constructor(target: Target, socket: WebSocket) {
    this.target = target;
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string") this.#receiverOf(data)?.event(data);
    });
    socket.addEventListener("close", ({ code }) => this.#closed(code));
    socket.addEventListener("error", () => this.#closed(1006));
  }

  /** Sends a request; what comes back for its stream goes to `receiver` until {@link release}. */
  ask(streamId: string | null, frame: string, receiver: Receiver): void {
    this.#receivers.set(streamId, receiver);
    try {
      this.#socket.send(frame);
    } catch {
      this.#receivers.delete(streamId);
      receiver.closed();
      this.#closed(1006);
    }
  }

  release(streamId: string | null): void {
    this.#receivers.delete(streamId);
  }

  close(code: number, reason: string): void {
    if (!this.#open) return;
    try {
      this.#socket.close(code, reason);
    } catch {
      // It is closed already.
    }
    this.#closed(code);
  }

  #closed(code: number): void {
    if (!this.#open) return;
    this.#open = false;
    const receivers = [...this.#receivers.values()];
    this.#receivers.clear();
    for (const receiver of receivers) receiver.closed();
    this.onClosed(code);
  }

  /** While only the unnamed stream is asked, nothing has to be parsed to know whose an event is. */
  #receiverOf(json: string): Receiver | null {
    const unnamed = this.#receivers.get(null);
    if (unnamed && this.#receivers.size === 1) return unnamed;
    const streamId = parseData(json)?.stream_id ?? null;
    const receiver = this.#receivers.get(streamId) ?? null;
    if (receiver) return receiver;
    // An error that does not say whose it is can only be about the one that is asked.
    const [only] = this.#receivers.values();
    if (streamId === null && only && this.#receivers.size === 1) return only;
    this.onNotice(json);
    return null;
  }
}
