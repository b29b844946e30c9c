import type { Json, JsonObject } from "../adapter.ts";
import { isObject } from "../json-object.ts";
import { MOST_SECONDS } from "./video-fields.ts";

export type VideoEnd = "completed" | "failed" | "cancelled" | "expired";

/** What a video says about itself. */
export interface VideoState {
  readonly id: string;
  /** `open` while it is being made, and whenever its status is not understood: unknown is not failed. */
  readonly state: "open" | VideoEnd;
  /** Length in whole seconds; of an extension, of all of it. */
  readonly seconds: number | null;
  readonly size: string | null;
  /** From 0 to 100. */
  readonly progress: number | null;
  /** Why it failed, as upstream names it. */
  readonly errorCode: string | null;
}

/** What servers of this protocol call the ends of a video. */
const ENDS: ReadonlyMap<string, VideoEnd> = new Map([
  ["completed", "completed"],
  ["complete", "completed"],
  ["succeeded", "completed"],
  ["success", "completed"],
  ["failed", "failed"],
  ["failure", "failed"],
  ["error", "failed"],
  ["moderated", "failed"],
  ["rejected", "failed"],
  ["content_filter", "failed"],
  ["content_filtered", "failed"],
  ["cancelled", "cancelled"],
  ["canceled", "cancelled"],
  ["expired", "expired"],
]);

/** Statuses of a video that is being made, whatever else it says. */
const UNDER_WAY: ReadonlySet<string> = new Set([
  "queued",
  "in_progress",
  "processing",
  "pending",
  "running",
  "submitted",
  "preprocessing",
]);

/** Errors that no video comes after. */
const MODERATION = /moderation|content_?(filter|policy)|safety/i;

/** Reads a video as any server of this protocol says it; `null` when it is none. */
export function readVideo(json: Json | undefined): VideoState | null {
  if (!isObject(json) || typeof json.id !== "string" || json.id === "") return null;
  const errorCode = readErrorCode(json.error);
  return {
    id: json.id,
    state: readState(json, errorCode),
    seconds: readSeconds(json.seconds ?? json.duration),
    size: typeof json.size === "string" ? json.size : null,
    progress: readProgress(json.progress),
    errorCode,
  };
}

function readState({ status }: JsonObject, errorCode: string | null): VideoState["state"] {
  const name = typeof status === "string" ? status.toLowerCase().replaceAll("-", "_") : "";
  const end = ENDS.get(name);
  if (end) return end;
  const isModerated = errorCode !== null && MODERATION.test(errorCode) && !UNDER_WAY.has(name);
  return isModerated ? "failed" : "open";
}

/** Servers measure the file they made: 7.97 seconds are the 8 that were ordered. */
function readSeconds(value: Json | undefined): number | null {
  const isNumber = typeof value === "number" || (typeof value === "string" && /^\d{1,4}(\.\d+)?$/.test(value));
  const seconds = isNumber ? Math.round(Number(value)) : 0;
  return seconds >= 1 && seconds <= MOST_SECONDS ? seconds : null;
}

function readProgress(value: Json | undefined): number | null {
  const isNumber = typeof value === "number" || (typeof value === "string" && /^\d{1,3}(\.\d+)?%?$/.test(value));
  return isNumber ? Math.min(100, Math.max(0, Math.floor(Number.parseFloat(String(value))))) : null;
}

function readErrorCode(error: Json | undefined): string | null {
  const code = isObject(error) ? (error.code ?? error.type) : error;
  return typeof code === "string" && code !== "" ? code.slice(0, 64) : null;
}

/** A page of videos, newest or oldest first as it was asked for. `data` is as upstream showed each of them. */
export function videoList(data: readonly JsonObject[], { hasMore }: { readonly hasMore: boolean }): JsonObject {
  return {
    object: "list",
    data: [...data],
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}

/** The answer to the deletion of a video. */
export function deletedVideo(id: string): JsonObject {
  return { id, object: "video.deleted", deleted: true };
}
