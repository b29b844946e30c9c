/** Signs of life in a stream that is silent. */
export interface KeepAlive {
  /** How long it may be silent at least (ms); at most twice as long. */
  readonly everyMs: number;
  /** One whole event that every client skips. */
  readonly event: Uint8Array;
}

/** What may wait for a client that reads slowly: many times the text of a whole answer. */
const WAITING_BYTES = 8 * 1024 * 1024;
/** How long a client with so much waiting may read nothing of it. */
const CLIENT_MS = 10_000;

/**
 * The client's side of a stream. Pieces go out as they come and are not waited for; whatever the client does, writing
 * never throws.
 */
export class ClientStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #onGone: () => void;
  readonly #keepAlive: KeepAlive | null;
  readonly #timer: ReturnType<typeof setInterval> | null;
  #written: Promise<void> = Promise.resolve();
  #isOpen = true;
  #silent = true;
  /** The last four bytes that were written. */
  #tail = 0;

  /** `onGone` is called once when the client leaves before the end; that shows at the next piece that is written. */
  constructor(keepAlive: KeepAlive | null, onGone: () => void) {
    const { readable, writable } = new IdentityTransformStream({ highWaterMark: WAITING_BYTES });
    this.readable = readable;
    this.#writer = writable.getWriter();
    this.#onGone = onGone;
    this.#keepAlive = keepAlive;
    this.#timer = keepAlive && setInterval(() => this.#showLife(keepAlive.event), keepAlive.everyMs);
    this.#writer.closed.catch(this.#gone);
  }

  write(piece: Uint8Array): void {
    if (!this.#isOpen) return;
    this.#silent = false;
    if (this.#keepAlive) this.#tail = lastBytes(this.#tail, piece);
    this.#written = this.#writer.write(piece).catch(this.#gone);
  }

  /** Whether the client is far behind, so that it has to be waited for. */
  get isBehind(): boolean {
    return this.#isOpen && (this.#writer.desiredSize ?? 1) <= 0;
  }

  /** Waits until the client has read on. One that does not is given up: its stream breaks. */
  async catchUp(): Promise<void> {
    const tooLate = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#abort("client_too_slow");
      tooLate.resolve();
    }, CLIENT_MS);
    await Promise.race([this.#writer.ready.catch(() => undefined), this.#written, tooLate.promise]);
    clearTimeout(timer);
  }

  /** Ends the stream well, once all of it was read. */
  close(): void {
    if (!this.#end()) return;
    this.#writer.close().catch(() => undefined);
  }

  /** Breaks the stream off after what was written, so that nobody takes it for a whole answer. */
  async break(reason: string): Promise<void> {
    if (!this.#isOpen) return;
    await this.#written;
    this.#abort(reason);
  }

  #abort(reason: string): void {
    if (!this.#end()) return;
    this.#writer.abort(brokenConnection(reason)).catch(() => undefined);
  }

  readonly #gone = (): void => {
    if (this.#end()) this.#onGone();
  };

  /** Returns whether it was open until now. */
  #end(): boolean {
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    if (this.#timer !== null) clearInterval(this.#timer);
    return wasOpen;
  }

  /** Nothing is written into the middle of an event. */
  #showLife(event: Uint8Array): void {
    if (this.#silent && isBetweenEvents(this.#tail)) this.write(event);
    this.#silent = true;
  }
}

/** The mark says that a connection was lost; the runtime logs any other error as an exception that nobody caught. */
function brokenConnection(reason: string): Error {
  return Object.assign(new Error(reason), { retryable: true });
}

function lastBytes(before: number, piece: Uint8Array): number {
  let tail = before;
  for (const byte of piece.subarray(-4)) tail = ((tail << 8) | byte) >>> 0;
  return tail;
}

/** After a blank line, or before the first byte. */
function isBetweenEvents(tail: number): boolean {
  const two = tail & 0xffff;
  return two === 0x0a0a || two === 0x0d0d || tail === 0x0d0a0d0a || tail === 0;
}
