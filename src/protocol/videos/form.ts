import { createHash } from "node:crypto";
import type { RequestFault } from "../adapter.ts";
import { fault, isFault } from "../fault.ts";
import { FormParts, tooLarge, tooSlow } from "./form-parts.ts";
import { FormRest } from "./form-rest.ts";
import type { FormRules } from "./form-rules.ts";
import { parseHeaderValue } from "./header-value.ts";
import { HeldBytes, joined } from "./held-bytes.ts";
import { MultipartEncoder } from "./multipart-encoder.ts";
import { malformed, type PartHead } from "./part-head.ts";
import type { UpstreamBody, VideoBody } from "./video-body.ts";

export interface FormLimits {
  /** Bytes of the whole body. */
  readonly totalBytes: number;
  /** Bytes of files that are held while the fields that are needed have not come. */
  readonly heldBytes: number;
  /** A form whose files are no larger is read to its end before anything is decided. */
  readonly wholeBytes: number;
}

const MIB = 1024 * 1024;

/** Many requests share the 128 MB of one isolate: what is held of a form is about as much as of a JSON body. */
export const FORM_LIMITS: FormLimits = { totalBytes: 100 * MIB, heldBytes: 8 * MIB, wholeBytes: MIB };

/**
 * Reads a form as far as is needed to judge it: to the end where it is small, else until every needed field has come.
 * A large file before those fields is refused, since it would have to be held: nothing goes upstream unpriced.
 * `signal` fires when the time for it is over, and stops the reading even while the form is being sent on.
 */
export async function readForm(
  request: Request,
  rules: FormRules,
  limits: FormLimits = FORM_LIMITS,
  signal?: AbortSignal,
): Promise<VideoBody | RequestFault> {
  const boundary = checkHeaders(request.headers, limits);
  if (typeof boundary !== "string") return boundary;
  if (request.body === null) return malformed("it is empty");
  const parts = new FormParts(request.body, boundary, rules, limits.totalBytes);
  if (signal?.aborted) parts.cancel(tooSlow());
  signal?.addEventListener("abort", () => parts.cancel(tooSlow()), { once: true });

  const form = new Form(parts, rules, limits.heldBytes);
  while (!form.whole && !(form.isJudged && form.held > limits.wholeBytes)) {
    const refused = await form.readOn();
    if (refused) {
      parts.cancel();
      return refused;
    }
  }
  return form;
}

/** The boundary, or what can be refused before a byte of the body is read. */
function checkHeaders(headers: Headers, limits: FormLimits): string | RequestFault {
  const type = parseHeaderValue(headers.get("content-type") ?? "");
  if (type?.essence !== "multipart/form-data") return malformed("its content type is not a form's");
  const coding = (headers.get("content-encoding") ?? "identity").trim().toLowerCase();
  if (coding !== "identity") return fault("unsupported_encoding", "A form has to be sent plain.", null, 415);
  if (Number(headers.get("content-length") ?? 0) > limits.totalBytes) return tooLarge(limits.totalBytes);
  const boundary = type.parameters.get("boundary") ?? "";
  return /^[\w'()+,\-./:=? ]{1,70}$/.test(boundary) ? boundary : malformed("its boundary is missing or not valid");
}

interface HeldFile {
  readonly head: PartHead;
  readonly content: HeldBytes;
  /** Whether its end has been read; the last one may still be open. */
  ended: boolean;
}

class Form implements VideoBody {
  readonly texts = new Map<string, string>();
  readonly #files: HeldFile[] = [];
  readonly #parts: FormParts;
  readonly #rules: FormRules;
  readonly #heldBytes: number;
  whole = false;
  #sent = false;

  constructor(parts: FormParts, rules: FormRules, heldBytes: number) {
    this.#parts = parts;
    this.#rules = rules;
    this.#heldBytes = heldBytes;
  }

  get files(): ReadonlySet<string> {
    return new Set(this.#files.map(({ head }) => head.name));
  }

  get isJudged(): boolean {
    return this.#rules.needed.every((name) => this.texts.has(name));
  }

  /** Bytes of files that wait here. */
  get held(): number {
    return this.#files.reduce((total, { content }) => total + content.length, 0);
  }

  async readOn(): Promise<RequestFault | null> {
    const event = await this.#parts.next();
    if (isFault(event)) return event;
    const file = this.#files.at(-1);
    switch (event.kind) {
      case "text":
        this.texts.set(event.name, event.value);
        return null;
      case "file":
        this.#files.push({ head: event.head, content: new HeldBytes(), ended: false });
        return null;
      case "data":
        if (this.held + event.bytes.length > this.#heldBytes) return fileFirst(this.#rules);
        file?.content.append(event.bytes);
        return null;
      case "partEnd":
        if (file) file.ended = true;
        return null;
      case "formEnd":
        this.whole = true;
        return null;
    }
  }

  digest(): string {
    const hash = createHash("sha256");
    // A length before each piece: nothing that one of them holds can look like the next.
    const add = (piece: string) => hash.update(`${piece.length}:${piece}`);
    for (const [name, value] of [...this.texts].sort()) {
      if (this.whole || this.#rules.needed.includes(name)) add(JSON.stringify([name, value]));
    }
    for (const { head, content } of this.whole ? this.#files : []) {
      add(JSON.stringify(head)).update(`${content.length}:`);
      for (const piece of content.pieces()) hash.update(piece);
    }
    return hash.digest("hex");
  }

  toUpstream(texts: ReadonlyMap<string, string>): UpstreamBody {
    const encoder = new MultipartEncoder();
    const begun = [...this.#begun(encoder, texts)];
    if (this.whole) {
      const body = joined([...begun, encoder.formEnd()]);
      return { contentType: encoder.contentType, body, broken: null, sentAt: () => 0, fault: () => null };
    }
    if (this.#sent) throw new Error("a form that was not read whole can be sent only once");
    this.#sent = true;
    // Nothing of the files is needed here any more; the stream lets go of each block as it sends it.
    this.#files.length = 0;
    const rest = new FormRest(this.#parts, encoder);
    const { broken } = rest;
    const { contentType } = encoder;
    return { contentType, body: rest.after(begun), broken, sentAt: () => rest.sentAt, fault: () => rest.fault };
  }

  *#begun(encoder: MultipartEncoder, texts: ReadonlyMap<string, string>): Generator<Uint8Array> {
    for (const [name, value] of texts) yield encoder.text(name, value);
    for (const { head, content, ended } of this.#files) {
      yield encoder.fileHead(head);
      yield* content.pieces();
      if (ended) yield encoder.partEnd();
    }
  }

  cancel(): void {
    this.#parts.cancel();
  }
}

function fileFirst({ needed }: FormRules): RequestFault {
  const names = needed.map((name) => `'${name}'`).join(", ");
  return fault("fields_after_file", `Put the text fields before the file. This request needs: ${names}.`);
}
