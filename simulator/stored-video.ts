import { epochSeconds } from "./clock.ts";
import { newId } from "./ids.ts";
import { type Job, QUEUED_SHARE } from "./job.ts";
import type { VideoTerms } from "./scenario.ts";

/** What is to be made. */
export interface VideoOrder {
  readonly model: string;
  readonly prompt: string;
  readonly seconds: number;
  readonly size: string;
  /** The source of a remix. */
  readonly remixedFrom: string | null;
}

export interface VideoObject {
  readonly id: string;
  readonly object: "video";
  readonly model: string;
  readonly status: "queued" | "in_progress" | "completed" | "failed" | "expired";
  /** From 0 to 100. */
  readonly progress: number;
  /** Instants are epoch seconds. */
  readonly created_at: number;
  readonly completed_at: number | null;
  readonly expires_at: number | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly prompt: string | null;
  readonly seconds: string;
  readonly size: string;
  readonly remixed_from_video_id: string | null;
}

/** One video from its order on. What it is at an instant is derived from the clock. */
export interface StoredVideo extends Job {
  readonly order: VideoOrder;
  /** Size of the file in bytes; `null`: the sample. */
  readonly contentBytes: number | null;
  /** The video object now. */
  object(): VideoObject;
}

/** How long a file can be downloaded, as it is told; the simulator forgets nothing sooner. */
const KEPT_MS = 3_600_000;
const LAST_PROGRESS = 99;

/** `errorCode`: why it fails, where it does; `null`: the usual code. */
export function storedVideo(order: VideoOrder, terms: VideoTerms, errorCode: string | null): StoredVideo {
  const id = newId("video_");
  const createdAt = Date.now();
  const startsAt = createdAt + terms.takesMs * QUEUED_SHARE;
  const dueAt = createdAt + terms.takesMs;
  const endsAt = terms.ending === "stuck" ? Number.POSITIVE_INFINITY : dueAt;

  function status(): VideoObject["status"] {
    const now = Date.now();
    if (now < startsAt) return "queued";
    if (now < endsAt || terms.ending === "stuck") return "in_progress";
    return terms.ending === "moderated" ? "failed" : terms.ending;
  }

  /** What did not end well stays where it was. */
  function progress(): number {
    const now = Date.now();
    if (now < startsAt) return 0;
    if (now >= dueAt) return status() === "completed" ? 100 : LAST_PROGRESS;
    return Math.floor((LAST_PROGRESS * (now - startsAt)) / (dueAt - startsAt));
  }

  function object(): VideoObject {
    const state = status();
    const completed = state === "completed";
    return {
      id,
      object: "video",
      model: order.model,
      status: state,
      progress: progress(),
      created_at: epochSeconds(createdAt),
      completed_at: completed ? epochSeconds(endsAt) : null,
      expires_at: completed ? epochSeconds(endsAt + KEPT_MS) : null,
      error: state === "failed" ? failure(terms.ending === "moderated", errorCode) : null,
      prompt: order.prompt,
      seconds: String(terms.seconds ?? order.seconds),
      size: order.size,
      remixed_from_video_id: order.remixedFrom,
    };
  }

  return {
    id,
    order,
    contentBytes: terms.contentBytes,
    object,
    isOver: () => Date.now() >= endsAt,
    endEvent: () => (terms.ending === "completed" ? "video.completed" : "video.failed"),
  };
}

function failure(moderated: boolean, code: string | null): VideoObject["error"] {
  return moderated
    ? { code: code ?? "moderation_blocked", message: "Your request was blocked by our moderation system." }
    : { code: code ?? "video_generation_failed", message: "The simulated video could not be made." };
}
