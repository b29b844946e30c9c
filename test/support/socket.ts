import { expect } from "vitest";
import { canaryWatch } from "./canaries.ts";
import { bearer, call, type TestAccount } from "./gateway.ts";

/** A frame of the gateway, as far as the tests look at it. */
export interface Frame {
  readonly type: string;
  readonly status?: number;
  readonly stream_id?: string;
  readonly error?: {
    readonly code: string;
    readonly type: string;
    readonly message: string;
    readonly resets_at?: number;
    readonly request_id?: string;
  };
  readonly headers?: Readonly<Record<string, string>>;
  readonly response?: {
    readonly id: string;
    readonly status: string;
    readonly model: string;
    readonly usage?: { readonly input_tokens: number; readonly output_tokens: number };
  };
  readonly rate_limits?: {
    readonly primary: { readonly used_percent: number; readonly window_minutes: number; readonly reset_at: number };
    readonly secondary: { readonly used_percent: number } | null;
  };
  readonly credits?: { readonly balance: string };
  readonly spillway?: { readonly request_id: string; readonly decision: string };
  readonly steer?: object;
}

/** One response on a socket: all its frames, and the request whose receipt tells of it. */
export interface Answered {
  readonly frames: readonly Frame[];
  readonly requestId: string;
  readonly last: Frame;
}

export interface OpenOptions {
  /** Controls of the simulated upstream for every frame (simulator/README.md). */
  readonly simulate?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly gateway?: typeof call;
}

export function upgrade(key: string, { simulate, headers = {}, gateway = call }: OpenOptions = {}): Promise<Response> {
  const controls = simulate === undefined ? {} : { "x-simulate": simulate };
  return gateway("/v1/responses", { headers: { upgrade: "websocket", ...bearer(key), ...controls, ...headers } });
}

export async function openSocket(account: TestAccount, options: OpenOptions = {}): Promise<ClientSocket> {
  const response = await upgrade(account.key, options);
  if (!response.webSocket) throw new Error(`no WebSocket: ${response.status} ${await response.text()}`);
  return new ClientSocket(response.webSocket);
}

const LAST = /^(error|response\.(completed|incomplete|failed))$/;
const PATIENCE_MS = 30_000;

/** A client's side of a WebSocket. */
export class ClientSocket {
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  readonly #arrived: Frame[] = [];
  #wake: () => void = () => undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    const closed = Promise.withResolvers<number>();
    this.closed = closed.promise;
    socket.addEventListener("message", ({ data }) => {
      canaryWatch.see(String(data), { where: "a frame" });
      this.#arrived.push(JSON.parse(String(data)) as Frame);
      this.#wake();
    });
    socket.addEventListener("close", ({ code }) => closed.resolve(code));
    socket.accept();
  }

  send(frame: object): void {
    this.#socket.send(JSON.stringify({ type: "response.create", ...frame }));
  }

  sendRaw(data: string | ArrayBuffer): void {
    this.#socket.send(data);
  }

  close(): void {
    this.#socket.close(1000);
  }

  /** The next frame that `wanted` holds for; the others stay. */
  async next(wanted: (frame: Frame) => boolean = () => true): Promise<Frame> {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      const at = this.#arrived.findIndex(wanted);
      const [frame] = at < 0 ? [] : this.#arrived.splice(at, 1);
      if (frame) return frame;
      if (Date.now() > until) throw new Error(`no such frame; there are ${JSON.stringify(this.#arrived)}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await Promise.race([promise, scheduler.wait(50)]);
    }
  }

  /** Asks for a response and takes all its frames. */
  ask(frame: object): Promise<Answered> {
    this.send(frame);
    return this.answer();
  }

  /** Takes the frames of the response that comes next. */
  async answer(): Promise<Answered> {
    const frames: Frame[] = [];
    for (;;) {
      const frame = await this.next();
      frames.push(frame);
      if (!LAST.test(frame.type)) continue;
      const requestId = frames[0]?.spillway?.request_id ?? frame.error?.request_id ?? "";
      return { frames, requestId, last: frame };
    }
  }
}

/** The error frame that refused a response. */
export function refusal({ frames, last }: Answered): Frame {
  expect(frames).toHaveLength(1);
  expect(last.type).toBe("error");
  return last;
}
