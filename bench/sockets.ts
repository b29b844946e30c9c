import { performance } from "node:perf_hooks";
import { WebSocket } from "undici";
import { STREAM_FRAMES } from "./answers.ts";
import { BODIES, type Target, type Timing } from "./load.ts";

const CREATE = JSON.stringify({ type: "response.create", ...JSON.parse(BODIES.stream.toString()) });
/** The frames of upstream's answer that a gateway has to pass on; it may say something of its own between them. */
const DELTAS = STREAM_FRAMES.filter(isDelta).length;

/** A client with WebSockets that stay open. Every answer is checked: it has to have all its deltas. */
export class SocketClient {
  readonly #target: Target;
  readonly #path: string;
  readonly #sockets: WebSocket[] = [];
  #sent = 0;

  constructor(target: Target, path = "/v1/responses") {
    this.#target = target;
    this.#path = path;
  }

  /** Requests sent so far. */
  get sent(): number {
    return this.#sent;
  }

  /** Opens `count` connections, with the keys in turn. */
  async open(count: number): Promise<void> {
    const { port, keys } = this.#target;
    const opened = Array.from({ length: count }, (_, index) => {
      const headers = { authorization: `Bearer ${keys[index % keys.length]}` };
      const socket = new WebSocket(`ws://127.0.0.1:${port}${this.#path}`, { headers });
      this.#sockets.push(socket);
      return openedOf(socket);
    });
    await Promise.all(opened);
  }

  close(): void {
    for (const socket of this.#sockets.splice(0)) socket.close();
  }

  /** So many requests on each connection, one after the other; the connections at once. */
  async turns(each: number): Promise<Timing[]> {
    const timings = this.#sockets.map(async (socket) => {
      const own: Timing[] = [];
      for (let turn = 0; turn < each; turn += 1) own.push(await this.#ask(socket));
      return own;
    });
    return (await Promise.all(timings)).flat();
  }

  #ask(socket: WebSocket): Promise<Timing> {
    this.#sent += 1;
    const { promise, resolve, reject } = Promise.withResolvers<Timing>();
    const begun = performance.now();
    let firstByteMs: number | null = null;
    let deltas = 0;
    const onMessage = ({ data }: { data: unknown }) => {
      const frame = String(data);
      firstByteMs ??= performance.now() - begun;
      if (isDelta(frame)) deltas += 1;
      if (!frame.includes('"type":"response.completed"') && !frame.includes('"type":"error"')) return;
      if (deltas === DELTAS) resolve({ firstByteMs, totalMs: performance.now() - begun });
      else reject(new Error(`A WebSocket's answer had ${deltas} deltas and ended with ${frame.slice(0, 200)}`));
    };
    const onClose = () => reject(new Error("A WebSocket was closed in the middle of an answer"));
    socket.addEventListener("message", onMessage);
    socket.addEventListener("close", onClose);
    socket.send(CREATE);
    return promise.finally(() => {
      socket.removeEventListener("message", onMessage);
      socket.removeEventListener("close", onClose);
    });
  }
}

function isDelta(frame: string): boolean {
  return frame.startsWith('{"type":"response.output_text.delta"');
}

function openedOf(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => resolve(), { once: true });
    socket.addEventListener("error", () => reject(new Error("A WebSocket was not opened")), { once: true });
  });
}
