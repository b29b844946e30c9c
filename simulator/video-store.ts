import { BoundedMap } from "./bounded-map.ts";
import { ApiError } from "./errors.ts";
import type { StoredVideo } from "./stored-video.ts";

/** Somebody who can appear in videos. */
export interface Character {
  readonly id: string;
  readonly name: string;
  /** Epoch seconds. */
  readonly created_at: number;
}

export interface VideoStore {
  /** By their ids, oldest first. */
  readonly videos: Map<string, StoredVideo>;
  /** What a request made that carried an idempotency key, by its path and that key. */
  readonly byKey: Map<string, StoredVideo>;
  readonly characters: Map<string, Character>;
}

const MAX_VIDEOS = 500;

export function createVideoStore(): VideoStore {
  return {
    videos: new BoundedMap(MAX_VIDEOS),
    byKey: new BoundedMap(MAX_VIDEOS),
    characters: new BoundedMap(MAX_VIDEOS),
  };
}

/** @throws ApiError 404 in OpenAI's shape */
export function requiredVideo({ videos }: VideoStore, id: string): StoredVideo {
  const video = videos.get(id);
  if (video !== undefined) return video;
  throw new ApiError(404, { message: `Video with id '${id.slice(0, 80)}' not found.`, code: null });
}

/** A video that can be downloaded, or be the source of another one. */
export function requiredCompleted(store: VideoStore, id: string, refusal: ApiError): StoredVideo {
  const video = requiredVideo(store, id);
  if (video.object().status === "completed") return video;
  throw refusal;
}
