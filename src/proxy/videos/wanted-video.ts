import type { Catalog } from "../../catalog/catalog.ts";
import type { QuotedRate } from "../../core/rate-card.ts";
import type { Resource } from "../../core/resource.ts";
import type { RequestFault } from "../../protocol/adapter.ts";
import { isFault } from "../../protocol/fault.ts";
import { unknownModel } from "../../protocol/request-fields.ts";
import {
  boundOfVideo,
  type ExtensionBilling,
  extendedVideo,
  newVideo,
  remadeVideo,
  type VideoMeasure,
  type VideoTerms,
} from "../../protocol/videos/video-price.ts";
import type { VideoRequest } from "../../protocol/videos/video-request.ts";
import type { Demanding } from "../journey.ts";
import { termsOf } from "./video-record.ts";

/** A video that can be decided: what it is priced at, and what that price rests on. */
export interface WantedVideo {
  readonly prepared: Demanding;
  readonly quote: QuotedRate;
  readonly terms: VideoTerms;
}

/** Prices a request for a video. What is made of another video takes its model, its size and its length from that. */
export function wantedVideo(
  request: VideoRequest,
  source: Resource | null,
  billing: ExtensionBilling,
  catalog: Catalog,
  now: number,
): WantedVideo | RequestFault {
  const terms = termsFor(request, source, billing);
  if (!terms) throw new Error("a video without a source says its own measure");
  const model = source?.model ?? request.model ?? "";
  const quote = catalog.quote(model, now);
  if (!quote) return unknownModel(model);
  const bound = boundOfVideo(quote.rate, terms);
  if (isFault(bound)) return bound;
  const references = { previousResponse: null, items: [] };
  return { prepared: { model, bound, references, openOutput: false, stream: false }, quote, terms };
}

function termsFor(
  { verb, seconds, size }: VideoRequest,
  source: Resource | null,
  billing: ExtensionBilling,
): VideoTerms | null {
  if (verb === "create") return seconds === null || size === null ? null : newVideo({ seconds, size });
  const measure = source && measureOf(source);
  if (!measure) return null;
  return verb === "extension" ? extendedVideo(measure, seconds ?? 0, billing) : remadeVideo(measure);
}

/** How long and how large a video is: as upstream says, else as it was priced. */
function measureOf({ details }: Resource): VideoMeasure | null {
  const terms = termsOf(details);
  if (!terms) return null;
  const shown = Number(details?.shown_seconds ?? Number.NaN);
  const seconds = Number.isSafeInteger(shown) && shown > 0 ? shown : terms.seconds + terms.unbilledSeconds;
  return { seconds, size: terms.size };
}
