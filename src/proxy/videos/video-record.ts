import type { MadeResource, ResourceDetails } from "../../core/resource.ts";
import type { JsonObject } from "../../protocol/adapter.ts";
import type { VideoTerms } from "../../protocol/videos/video-price.ts";

/*
 * What the account's object keeps of a video beside its owner: what was priced, which charges it when it is done, and what
 * upstream said of it last, which lists are made of. Its prompt is not kept.
 */

/** Members of a video object that are kept, each a text, a number or null. */
const SHOWN = ["model", "status", "progress", "created_at", "completed_at", "expires_at", "remixed_from_video_id"];

/** A video that upstream has taken on or changed since, for its owner's record. */
export function recordOf(id: string, upstream: string, terms: VideoTerms, video: JsonObject): MadeResource {
  const shown = SHOWN.map((name) => [`shown_${name}`, scalarOf(video[name])] as const);
  const error = typeof video.error === "object" && !Array.isArray(video.error) ? video.error : null;
  const details: ResourceDetails = {
    ...keptTerms(terms),
    shown_seconds: scalarOf(video.seconds),
    error_code: scalarOf(error?.code),
    ...Object.fromEntries(shown),
  };
  return { id, kind: "video", upstream, contextTokens: 0, outputTokens: 0, itemIds: [], details };
}

export function keptTerms({ seconds, size, lengthFrom, unbilledSeconds }: VideoTerms): ResourceDetails {
  return { seconds, size, length_from: lengthFrom, unbilled_seconds: unbilledSeconds };
}

/** What was priced for a video; `null` for a record that does not say. */
export function termsOf(details: ResourceDetails | null | undefined): VideoTerms | null {
  const { seconds, size, length_from: lengthFrom, unbilled_seconds: unbilledSeconds } = details ?? {};
  if (typeof seconds !== "number" || typeof size !== "string" || typeof unbilledSeconds !== "number") return null;
  return { seconds, size, lengthFrom: lengthFrom === "source" ? "source" : "request", unbilledSeconds };
}

/** The video as it was last seen, in the shape of the Videos API. */
export function shownVideo(id: string, details: ResourceDetails | null): JsonObject {
  const { shown_seconds: shownSeconds, seconds, size, error_code: code } = details ?? {};
  const shown = SHOWN.map((name) => [name, details?.[`shown_${name}`] ?? null] as const);
  return {
    id,
    object: "video",
    ...Object.fromEntries(shown),
    error: code ? { code, message: "The video could not be made." } : null,
    prompt: null,
    seconds: String(shownSeconds ?? seconds ?? ""),
    size: size ?? null,
  };
}

function scalarOf(value: unknown): string | number | null {
  return typeof value === "string" || typeof value === "number" ? value : null;
}
