import { ApiError } from "./errors.ts";
import { isFormFile } from "./form.ts";
import { isObject, type JsonObject, requiredBody, requiredModel } from "./request-body.ts";
import type { VideoOrder } from "./stored-video.ts";
import { requiredCompleted, type VideoStore } from "./video-store.ts";

const MAX_PROMPT = 32_000;
const MAX_NAME = 80;
const MAX_SECONDS = 3_600;

/** What a video is made of where nothing is said, or a file's own size and length would have to be measured. */
const USUAL = { model: "sora-2", seconds: 4, size: "720x1280" };

/** The order of `POST /v1/videos`. Any model, length and size is made: tests bring rate cards of their own. */
export function newOrder(body: JsonObject | null): VideoOrder {
  const fields = requiredBody(body);
  return {
    prompt: requiredText(fields, "prompt", MAX_PROMPT),
    model: fields.model === undefined ? USUAL.model : requiredModel(fields),
    seconds: fields.seconds === undefined ? USUAL.seconds : requiredSeconds(fields),
    size: fields.size === undefined ? USUAL.size : requiredSize(fields),
    remixedFrom: null,
  };
}

/** The order of a remix of the video `id`. */
export function remixOrder(body: JsonObject | null, store: VideoStore, id: string): VideoOrder {
  const prompt = requiredText(requiredBody(body), "prompt", MAX_PROMPT);
  return { ...completedSource(store, id), prompt, remixedFrom: id };
}

/** The order of an edit: as long as its source. */
export function editOrder(body: JsonObject | null, store: VideoStore): VideoOrder {
  const fields = requiredBody(body);
  const prompt = requiredText(fields, "prompt", MAX_PROMPT);
  return { ...sourceOf(fields, store), prompt, remixedFrom: null };
}

/** The order of an extension: its length is that of the source and what is added. */
export function extensionOrder(body: JsonObject | null, store: VideoStore): VideoOrder {
  const fields = requiredBody(body);
  const edit = editOrder(fields, store);
  return { ...edit, seconds: edit.seconds + requiredSeconds(fields) };
}

/** The name of a new character; the file has to be there too. */
export function characterName(body: JsonObject | null): string {
  const fields = requiredBody(body);
  if (!isFormFile(fields.video)) throw missing("video");
  return requiredText(fields, "name", MAX_NAME);
}

/** A video of the store, as `video.id` or in a form as `video[id]`, or a file. */
function sourceOf(fields: JsonObject, store: VideoStore): Omit<VideoOrder, "prompt" | "remixedFrom"> {
  const { video } = fields;
  if (isFormFile(video)) return USUAL;
  const id = isObject(video) ? video.id : fields["video[id]"];
  if (typeof id !== "string") throw missing("video");
  return completedSource(store, id);
}

function completedSource(store: VideoStore, id: string): Omit<VideoOrder, "prompt" | "remixedFrom"> {
  const refusal = new ApiError(400, { message: `Video '${id.slice(0, 80)}' is not completed.`, param: "video" });
  const source = requiredCompleted(store, id, refusal);
  return { ...source.order, seconds: Number(source.object().seconds) };
}

function requiredText(fields: JsonObject, name: string, most: number): string {
  const value = fields[name];
  if (typeof value === "string" && value !== "" && value.length <= most) return value;
  throw missing(name);
}

/** Seconds are a string in OpenAI's own requests; others send a number. */
function requiredSeconds({ seconds }: JsonObject): number {
  const value = typeof seconds === "string" && /^\d{1,4}$/.test(seconds) ? Number(seconds) : seconds;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MAX_SECONDS) return value;
  throw missing("seconds");
}

function requiredSize({ size }: JsonObject): string {
  if (typeof size === "string" && /^[\w.:-]{1,32}$/.test(size)) return size;
  throw missing("size");
}

function missing(name: string): ApiError {
  return new ApiError(400, { message: `Missing or invalid required parameter: '${name}'.`, param: name });
}
