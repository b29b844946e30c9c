import type { RequestFault } from "../adapter.ts";
import { isFault } from "../fault.ts";
import type { FormEvent, FormParts } from "./form-parts.ts";
import type { MultipartEncoder } from "./multipart-encoder.ts";

/** What of a form was not yet read when it was judged: read as upstream takes it, held to the same rules. */
export class FormRest {
  fault: RequestFault | null = null;
  /** When a piece was last taken (epoch ms); 0 before the first. */
  sentAt = 0;
  readonly #parts: FormParts;
  readonly #encoder: MultipartEncoder;
  readonly #broken = new AbortController();
  #ended = false;

  constructor(parts: FormParts, encoder: MultipartEncoder) {
    this.#parts = parts;
    this.#encoder = encoder;
  }

  /** Fires when the form breaks the rules. */
  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  /**
   * The form from `begun` to its end. A fault breaks the stream off; whoever stops reading it stops the caller's
   * sending too.
   */
  after(begun: Uint8Array[]): ReadableStream<Uint8Array> {
    const waiting = begun.reverse();
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const bytes = waiting.pop() ?? (await this.#next());
          this.sentAt = Date.now();
          if (bytes === null) controller.close();
          else controller.enqueue(bytes);
        },
        cancel: () => this.#parts.cancel(),
      },
      { highWaterMark: 0 },
    );
  }

  /** @throws Error when the form breaks the rules, which ends the stream. */
  async #next(): Promise<Uint8Array | null> {
    if (this.#ended) return null;
    const event = await this.#parts.next();
    if (!isFault(event)) return this.#encode(event);
    this.fault = event;
    const error = new Error(event.message);
    this.#broken.abort(error);
    throw error;
  }

  #encode(event: FormEvent): Uint8Array {
    switch (event.kind) {
      case "text":
        return this.#encoder.text(event.name, event.value);
      case "file":
        return this.#encoder.fileHead(event.head);
      case "data":
        return event.bytes;
      case "partEnd":
        return this.#encoder.partEnd();
      case "formEnd":
        this.#ended = true;
        return this.#encoder.formEnd();
    }
  }
}
