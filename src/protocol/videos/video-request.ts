import type { RequestFault } from "../adapter.ts";
import { fault, invalid, isFault } from "../fault.ts";
import { BODY_LIMITS, type BodyLimits, type JsonBody, readJsonBody } from "../json-body.ts";
import { FORM_LIMITS, type FormLimits, readForm } from "./form.ts";
import { parseHeaderValue } from "./header-value.ts";
import { jsonFields } from "./json-fields.ts";
import type { UpstreamBody, VideoBody } from "./video-body.ts";
import {
  MODEL,
  missing,
  NAME,
  PROMPT,
  rulesOf,
  SECONDS,
  SIZE,
  SOURCE_ID,
  VIDEO_FILE,
  type VideoVerb,
} from "./video-fields.ts";

/** A request that makes a video, as the gateway understands it. */
export interface VideoRequest {
  readonly verb: VideoVerb;
  /** Path below the upstream's base URL. */
  readonly path: string;
  /** Model and size, defaults included; `null` where they are those of the source video. */
  readonly model: string | null;
  readonly size: string | null;
  /** Seconds of a new video, or those that an extension adds; `null` where the source video decides. */
  readonly seconds: number | null;
  /** The video that it starts from. It must belong to the same account. */
  readonly sourceId: string | null;
  /** `null` for a character, which has a name instead. */
  readonly prompt: string | null;
  readonly name: string | null;
  /** Whether its body was read to its end: nothing in it can be refused later, and it can be sent more than once. */
  readonly whole: boolean;
  /** See {@link VideoBody.digest}. */
  digest(): string;
  /** `model` is its name at the upstream that is asked; it is not sent where the source video decides. */
  toUpstream(changes: { readonly model: string | null }): UpstreamBody;
  /** Stops reading what was not sent. To be called when the request goes no further. */
  cancel(): void;
}

export interface VideoReading {
  readonly verb: VideoVerb;
  /** The model of a request that names none. */
  readonly defaultModel: string;
  /** The id in the path of a remix. */
  readonly sourceId?: string;
  /** Stops the reading: the caller is too slow. */
  readonly signal?: AbortSignal;
  readonly limits?: { readonly form?: FormLimits; readonly json?: BodyLimits };
}

/** The model of a request that names none, as OpenAI's API has it. */
export const DEFAULT_MODEL = "sora-2";
/** What OpenAI assumes. It is written out for upstream, which could assume something else than was priced. */
const DEFAULT_SECONDS = "4";
const DEFAULT_SIZE = "720x1280";

/** Reads the body of a request of the videos family, a form or JSON, as far as is needed to price it. */
export async function readVideoRequest(request: Request, reading: VideoReading): Promise<VideoRequest | RequestFault> {
  const body = await readBody(request, reading);
  if (isFault(body)) return body;
  const understood = understand(body, reading);
  if (isFault(understood)) body.cancel();
  return understood;
}

/** The same for a JSON body that was read before. */
export function videoRequestOf(body: JsonBody, reading: VideoReading): VideoRequest | RequestFault {
  const fields = jsonFields(body, rulesOf(reading.verb));
  return isFault(fields) ? fields : understand(fields, reading);
}

function readBody(request: Request, { verb, signal, limits }: VideoReading): Promise<VideoBody | RequestFault> {
  const rules = rulesOf(verb);
  switch (parseHeaderValue(request.headers.get("content-type") ?? "")?.essence) {
    case "multipart/form-data":
      return readForm(request, rules, limits?.form ?? FORM_LIMITS, signal);
    case "application/json":
      return readJsonBody(request, limits?.json ?? BODY_LIMITS).then((body) =>
        isFault(body) ? body : jsonFields(body, rules),
      );
    default:
      return Promise.resolve(
        fault("unsupported_media_type", "Send the body as 'multipart/form-data' or 'application/json'.", null, 415),
      );
  }
}

function understand(body: VideoBody, reading: VideoReading): VideoRequest | RequestFault {
  const { verb } = reading;
  const texts = withDefaults(body.texts, reading);
  const absent = rulesOf(verb).needed.find((name) => !texts.has(name));
  if (absent !== undefined) return missing(absent);
  if (verb === "character" && body.whole && !body.files.has(VIDEO_FILE)) return missing(VIDEO_FILE);
  const sourceId = texts.get(SOURCE_ID) ?? reading.sourceId ?? null;
  if (verb === "remix" && sourceId === null) return invalid("video_id", "the id of a video");
  const seconds = texts.get(SECONDS);
  return {
    verb,
    path: pathOf(verb, sourceId),
    model: texts.get(MODEL) ?? null,
    size: texts.get(SIZE) ?? null,
    seconds: seconds === undefined ? null : Number(seconds),
    sourceId,
    prompt: texts.get(PROMPT) ?? null,
    name: texts.get(NAME) ?? null,
    whole: body.whole,
    digest: () => body.digest(),
    toUpstream: ({ model }) =>
      body.toUpstream(texts.has(MODEL) && model !== null ? new Map(texts).set(MODEL, model) : texts),
    cancel: () => body.cancel(),
  };
}

function withDefaults(
  texts: ReadonlyMap<string, string>,
  { verb, defaultModel }: VideoReading,
): ReadonlyMap<string, string> {
  if (verb !== "create") return texts;
  return new Map([[MODEL, defaultModel], [SECONDS, DEFAULT_SECONDS], [SIZE, DEFAULT_SIZE], ...texts]);
}

function pathOf(verb: VideoVerb, sourceId: string | null): string {
  switch (verb) {
    case "create":
      return "/videos";
    case "remix":
      return `/videos/${encodeURIComponent(sourceId ?? "")}/remix`;
    case "edit":
      return "/videos/edits";
    case "extension":
      return "/videos/extensions";
    case "character":
      return "/videos/characters";
  }
}
