import { Buffer } from "node:buffer";
import { badForm } from "./form-error.ts";

/** Reads a body up to marks, however it is cut into pieces. Keeps what has arrived and was not asked for. */
export class ByteReader {
  readonly #body: AsyncIterator<Uint8Array> | undefined;
  #rest: Buffer;
  /** Bytes that have arrived. */
  bytes = 0;

  /** `start` stands before the body. */
  constructor(body: ReadableStream<Uint8Array> | null, start: Buffer) {
    this.#body = body?.values();
    this.#rest = start;
  }

  /** Passes over everything to the end of `mark`. Gives how many bytes were before it. */
  async skip(mark: Buffer): Promise<number> {
    let skipped = 0;
    for (;;) {
      const at = this.#rest.indexOf(mark);
      // The last bytes may be the beginning of a mark.
      const plain = at < 0 ? Math.max(0, this.#rest.length - mark.length + 1) : at;
      this.#rest = this.#rest.subarray(at < 0 ? plain : at + mark.length);
      skipped += plain;
      if (at >= 0) return skipped;
      await this.#more();
    }
  }

  /** The text before `mark`, of at most `most` bytes. */
  async text(mark: Buffer, most: number): Promise<string> {
    for (let from = 0; ; ) {
      const at = this.#rest.indexOf(mark, from);
      if (at > most || (at < 0 && this.#rest.length > most + mark.length)) throw badForm("a part is too long");
      if (at >= 0) {
        const text = this.#rest.toString("utf8", 0, at);
        this.#rest = this.#rest.subarray(at + mark.length);
        return text;
      }
      from = Math.max(0, this.#rest.length - mark.length + 1);
      await this.#more();
    }
  }

  /** The next `length` bytes as text. */
  async take(length: number): Promise<string> {
    while (this.#rest.length < length) await this.#more();
    const text = this.#rest.toString("latin1", 0, length);
    this.#rest = this.#rest.subarray(length);
    return text;
  }

  /** Reads what is left and lets go of it. */
  async drain(): Promise<void> {
    while (await this.#arrived()) this.#rest = Buffer.alloc(0);
  }

  async #more(): Promise<void> {
    if (!(await this.#arrived())) throw badForm("it ends too early");
  }

  async #arrived(): Promise<boolean> {
    const next = await this.#body?.next();
    if (next === undefined || next.done) return false;
    this.bytes += next.value.byteLength;
    this.#rest = Buffer.concat([this.#rest, next.value]);
    return true;
  }
}
