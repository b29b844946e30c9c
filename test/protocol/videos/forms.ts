import type { RequestFault } from "../../../src/protocol/adapter.ts";
import { isFault } from "../../../src/protocol/fault.ts";
import type { FormLimits } from "../../../src/protocol/videos/form.ts";
import { joined } from "../../../src/protocol/videos/held-bytes.ts";
import type { UpstreamBody } from "../../../src/protocol/videos/video-body.ts";
import type { VideoVerb } from "../../../src/protocol/videos/video-fields.ts";
import { readVideoRequest, type VideoRequest } from "../../../src/protocol/videos/video-request.ts";
import { bytes } from "../wire.ts";

export const BOUNDARY = "----formdata-undici-0123456789";

export interface Part {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** Set for files. */
  readonly filename?: string;
  readonly type?: string;
}

export function concat(...pieces: readonly (string | Uint8Array | readonly number[])[]): Uint8Array {
  return joined(pieces.map((piece) => (typeof piece === "string" ? bytes(piece) : Uint8Array.from(piece))));
}

/** A form as clients write it. */
export function formOf(parts: readonly Part[], boundary = BOUNDARY): Uint8Array {
  return concat(...parts.flatMap((part) => [head(part, boundary), part.content, "\r\n"]), `--${boundary}--\r\n`);
}

export function head({ name, filename, type }: Part, boundary = BOUNDARY): string {
  const file = filename === undefined ? "" : `; filename="${filename}"`;
  const media = type === undefined ? "" : `\r\nContent-Type: ${type}`;
  return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}${media}\r\n\r\n`;
}

/** A body that comes in `pieces`, each when it is asked for, and that tells how far it was read. */
export class Sender {
  asked = 0;
  cancelled = false;
  readonly body: ReadableStream<Uint8Array>;

  /** `atEnd` is what happens after the last piece: the body ends, breaks, or nothing comes any more. */
  constructor(pieces: Iterable<Uint8Array>, atEnd: "close" | "break" | "hang" = "close") {
    const iterator = pieces[Symbol.iterator]();
    this.body = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          const next = iterator.next();
          if (!next.done) {
            this.asked += next.value.length;
            controller.enqueue(next.value);
          } else if (atEnd === "close") controller.close();
          else if (atEnd === "break") controller.error(new Error("connection lost"));
          else return new Promise<void>(() => undefined);
          return undefined;
        },
        cancel: () => {
          this.cancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Nobody reads on, and whoever answers can take what is still coming. */
  get isLeft(): boolean {
    return !this.cancelled && !this.body.locked;
  }
}

export function formRequest(
  body: Uint8Array | Sender,
  contentType = `multipart/form-data; boundary=${BOUNDARY}`,
  headers: Record<string, string> = {},
): Request {
  return new Request("http://gateway.test/v1/videos", {
    method: "POST",
    headers: { "content-type": contentType, ...headers },
    body: body instanceof Sender ? body.body : body,
    duplex: "half",
  } as RequestInit);
}

export function jsonRequest(body: unknown): Request {
  return new Request("http://gateway.test/v1/videos", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

export interface Options {
  readonly verb?: VideoVerb;
  readonly sourceId?: string;
  readonly form?: FormLimits;
  readonly signal?: AbortSignal;
}

export function read(request: Request, options: Options = {}): Promise<VideoRequest | RequestFault> {
  const { verb = "create", form, sourceId, signal } = options;
  return readVideoRequest(request, {
    verb,
    defaultModel: "sora-2",
    ...(sourceId === undefined ? {} : { sourceId }),
    ...(signal === undefined ? {} : { signal }),
    ...(form === undefined ? {} : { limits: { form } }),
  });
}

export async function accepted(request: Request, options: Options = {}): Promise<VideoRequest> {
  const answer = await read(request, options);
  if (isFault(answer)) throw new Error(`refused: ${answer.code} ${answer.param} ${answer.message}`);
  return answer;
}

export async function refused(request: Request, options: Options = {}): Promise<RequestFault> {
  const answer = await read(request, options);
  if (!isFault(answer)) throw new Error("not refused");
  return answer;
}

/** `400 code param` of a refusal. */
export async function refusal(request: Request, options: Options = {}): Promise<string> {
  const { status, code, param } = await refused(request, options);
  return [status, code, ...(param === null ? [] : [param])].join(" ");
}

export interface Received {
  readonly name: string;
  readonly value?: string;
  readonly filename?: string;
  readonly type?: string;
  readonly content?: string;
}

/** What an upstream understands of what it is sent, read by the runtime's own parser. */
export async function received({ contentType, body }: UpstreamBody): Promise<Received[]> {
  const form = await new Response(body, { headers: { "content-type": contentType } }).formData();
  const parts: Received[] = [];
  for (const [name, value] of form as unknown as Iterable<[string, File | string]>) {
    parts.push(
      typeof value === "string"
        ? { name, value }
        : { name, filename: value.name, type: value.type, content: hex(new Uint8Array(await value.arrayBuffer())) },
    );
  }
  return parts;
}

export function hex(content: Uint8Array): string {
  return Buffer.from(content).toString("hex");
}
