import type { RequestFault } from "../adapter.ts";
import { fault, isFault } from "../fault.ts";
import { type FieldRule, type FormRules, fieldOf } from "./form-rules.ts";
import { HeldBytes, joined } from "./held-bytes.ts";
import { MultipartDecoder, type PartEvent } from "./multipart-decoder.ts";
import type { PartHead } from "./part-head.ts";

/** A form as it is read: texts whole, files piece by piece. */
export type FormEvent =
  | { readonly kind: "text"; readonly name: string; readonly value: string }
  | { readonly kind: "file"; readonly head: PartHead }
  | Exclude<PartEvent, { kind: "part" }>;

/**
 * Reads a form from its body as its parts are asked for, and never further. What breaks the rules is a fault, after
 * which the body is not read on; so is a body that ends too early, is too long, or is cancelled.
 */
export class FormParts {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder: MultipartDecoder;
  readonly #rules: FormRules;
  readonly #totalBytes: number;
  readonly #seen = new Set<string>();
  #readBytes = 0;
  #isReading = false;
  /** What is told of whatever would be read after the reading was stopped. */
  #stopped: RequestFault | null = null;

  constructor(body: ReadableStream<Uint8Array>, boundary: string, rules: FormRules, totalBytes: number) {
    this.#reader = body.getReader();
    this.#decoder = new MultipartDecoder(boundary);
    this.#rules = rules;
    this.#totalBytes = totalBytes;
  }

  async next(): Promise<FormEvent | RequestFault> {
    const event = await this.#formEvent();
    if (isFault(event)) this.cancel(event);
    return event;
  }

  /**
   * Stops reading, a read under way included: the sender is cut off then, and may be gone already, which is no news.
   * Else what is still coming is left to whoever answers, so that its sender hears why.
   */
  cancel(why: RequestFault = incomplete()): void {
    this.#stopped ??= why;
    if (this.#isReading) void this.#reader.cancel().catch(() => undefined);
    else this.#reader.releaseLock();
  }

  async #formEvent(): Promise<FormEvent | RequestFault> {
    const event = await this.#partEvent();
    if (isFault(event)) return event;
    if (event.kind === "part") return event.head.filename === null ? this.#text(event.head) : this.#file(event.head);
    return event.kind === "formEnd" ? this.#toTheEnd(event) : event;
  }

  async #partEvent(): Promise<PartEvent | RequestFault> {
    for (;;) {
      const event = this.#decoder.next();
      if (event !== null) return event;
      const piece = await this.#piece();
      if (piece === null) return incomplete();
      if (!(piece instanceof Uint8Array)) return piece;
      this.#decoder.push(piece);
    }
  }

  /** The next bytes of the body; `null` at its end. */
  async #piece(): Promise<Uint8Array | RequestFault | null> {
    let piece: Uint8Array | undefined;
    try {
      this.#isReading = true;
      piece = (await this.#reader.read()).value;
    } catch {
      // Of the runtime's own streams a read that is stopped fails, as that of a body which breaks off does.
      return this.#stopped ?? incomplete();
    } finally {
      this.#isReading = false;
    }
    if (this.#stopped) return this.#stopped;
    if (piece === undefined) return null;
    this.#readBytes += piece.length;
    return this.#readBytes > this.#totalBytes ? tooLarge(this.#totalBytes) : piece;
  }

  #file(head: PartHead): FormEvent | RequestFault {
    if (!this.#rules.files.has(head.name)) return this.#rules.refuse(head.name);
    return this.#once(head.name) ?? { kind: "file", head };
  }

  async #text({ name }: PartHead): Promise<FormEvent | RequestFault> {
    const rule = this.#rules.texts.get(name);
    if (!rule) return this.#rules.refuse(name);
    const value = this.#once(name) ?? (await this.#value(name, rule));
    if (typeof value !== "string") return value;
    return rule.check(value) ?? { kind: "text", name, value };
  }

  /** A field that comes twice could be read as the first here and as the last elsewhere. */
  #once(name: string): RequestFault | null {
    const field = fieldOf(name);
    if (this.#seen.has(field)) return fault("duplicate_parameter", `The field '${field}' is there twice.`, field);
    this.#seen.add(field);
    return null;
  }

  async #value(name: string, { mostBytes }: FieldRule): Promise<string | RequestFault> {
    const held = new HeldBytes();
    for (;;) {
      const event = await this.#partEvent();
      if (isFault(event)) return event;
      if (event.kind !== "data") break;
      if (held.length + event.bytes.length > mostBytes) {
        return fault("request_too_large", `The field '${name}' is larger than ${mostBytes} bytes.`, name, 413);
      }
      held.append(event.bytes);
    }
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(joined([...held.pieces()]));
    } catch {
      return fault("invalid_utf8", `The field '${name}' is not valid UTF-8.`, name);
    }
  }

  /** What follows the form is no part of it. Only when the body has ended is it known to be whole. */
  async #toTheEnd(end: FormEvent): Promise<FormEvent | RequestFault> {
    for (;;) {
      const piece = await this.#piece();
      if (piece === null) return end;
      if (!(piece instanceof Uint8Array)) return piece;
    }
  }
}

function incomplete(): RequestFault {
  return fault("body_incomplete", "The request body ended before it was complete.");
}

export function tooSlow(): RequestFault {
  return fault("request_timeout", "The request body was not sent in time.", null, 408);
}

export function tooLarge(bytes: number): RequestFault {
  return fault("request_too_large", `The request body is larger than ${bytes} bytes.`, null, 413);
}
