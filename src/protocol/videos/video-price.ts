import { price, type Rate } from "../../core/rate-card.ts";
import { NO_USAGE, type Usage } from "../../core/usage.ts";
import type { RequestFault } from "../adapter.ts";
import { fault, unsupported } from "../fault.ts";
import { SIZE } from "./video-fields.ts";
import type { VideoState } from "./video-object.ts";

/** How long a video is and how large, which is all that its price depends on. */
export interface VideoMeasure {
  readonly seconds: number;
  readonly size: string;
}

/** What of an extended video is charged; nobody says publicly which one an upstream does. */
export type ExtensionBilling = "added" | "total";

/** What was priced for a video: enough to charge it when it is done. */
export interface VideoTerms extends VideoMeasure {
  /**
   * Who fixed its length. A request gets what it asked for; a source video may be longer than its record says, and then
   * so is what is made of it.
   */
  readonly lengthFrom: "request" | "source";
  /** Seconds of the finished video that are not charged, since the source video was. */
  readonly unbilledSeconds: number;
}

/** The terms of a new video. */
export function newVideo({ seconds, size }: VideoMeasure): VideoTerms {
  return { seconds, size, lengthFrom: "request", unbilledSeconds: 0 };
}

/** The terms of a remix or an edit: a whole new video as long as its source. */
export function remadeVideo({ seconds, size }: VideoMeasure): VideoTerms {
  return { seconds, size, lengthFrom: "source", unbilledSeconds: 0 };
}

/** The terms of a video to which `added` seconds are stitched. */
export function extendedVideo(source: VideoMeasure, added: number, billing: ExtensionBilling): VideoTerms {
  return billing === "added"
    ? { seconds: added, size: source.size, lengthFrom: "request", unbilledSeconds: source.seconds }
    : { seconds: source.seconds + added, size: source.size, lengthFrom: "source", unbilledSeconds: 0 };
}

/** The use of a video as it is priced before the call, or a fault when its size has no price. */
export function boundOfVideo(rate: Rate, { seconds, size }: VideoMeasure): Usage | RequestFault {
  const usage: Usage = { ...NO_USAGE, seconds, size };
  if (typeof price(rate, usage) === "number") return usage;
  const sizes = Object.keys(rate.perSecond);
  return sizes.length === 0
    ? fault("model_not_found", "This model makes no videos: it has no price for seconds.", "model")
    : unsupported(SIZE, `This size has no price for this model. Priced are: ${sizes.join(", ")}.`);
}

/**
 * The use to charge for a finished video: the seconds that upstream reports. Where they are more than a request asked
 * for, or cannot be true, what was priced is charged. The size is the one that was priced.
 */
export function usageOfVideo(terms: VideoTerms, { seconds }: Pick<VideoState, "seconds">): Usage {
  const reported = seconds === null ? null : seconds - terms.unbilledSeconds;
  const isBelieved = reported !== null && reported > 0 && (reported <= terms.seconds || terms.lengthFrom === "source");
  return { ...NO_USAGE, seconds: isBelieved ? reported : terms.seconds, size: terms.size };
}
