import { KEEP_ALIVE_FRAME } from "../../protocol/websocket-frames.ts";

const CHECKPOINT_MS = 30_000;

export interface PulseOptions {
  /** After so much silence the client is shown a sign of life; `null` where it needs none. */
  readonly keepAliveMs: number | null;
  readonly say: (frame: string) => void;
  /** Called now and then while the answer runs. */
  readonly checkpoint: () => void;
}

/** What has to happen now and then while an answer runs, however silent its upstream is. One timer serves both. */
export class Pulse {
  readonly #options: PulseOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #saidAt = Date.now();
  #checkpointAt = Date.now();

  constructor(options: PulseOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#beat(), Math.min(options.keepAliveMs ?? CHECKPOINT_MS, CHECKPOINT_MS));
  }

  say(frame: string): void {
    this.#saidAt = Date.now();
    this.#options.say(frame);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const now = Date.now();
    const { keepAliveMs, checkpoint } = this.#options;
    if (keepAliveMs !== null && now - this.#saidAt >= keepAliveMs) this.say(KEEP_ALIVE_FRAME);
    if (now - this.#checkpointAt < CHECKPOINT_MS) return;
    this.#checkpointAt = now;
    checkpoint();
  }
}
