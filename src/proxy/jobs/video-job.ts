import type { JobRef } from "../../../durable-objects/resource-commands.ts";
import type { JsonObject } from "../../protocol/adapter.ts";
import { parseData } from "../../protocol/sse.ts";
import { readVideo } from "../../protocol/videos/video-object.ts";
import { usageOfVideo } from "../../protocol/videos/video-price.ts";
import { recordOf, termsOf } from "../videos/video-record.ts";
import type { JobEnd, JobKind } from "./job-kind.ts";

/** A video: charged by its seconds when it is completed, and not at all when it fails, whoever's fault that is. */
export const videoJob: JobKind = {
  path: (id) => `/videos/${encodeURIComponent(id)}`,
  endOf(answer, resource) {
    const video = parseData(answer);
    return video ? endOfVideo(video, resource) : { kind: "open" };
  },
};

/** The end of a video as upstream shows it. */
export function endOfVideo(video: JsonObject, { id, upstream, details }: JobRef): JobEnd {
  const state = readVideo(video);
  const terms = termsOf(details);
  if (!state || !terms) return { kind: "open" };
  switch (state.state) {
    case "open":
      return { kind: "open" };
    case "completed": {
      const report = { usage: usageOfVideo(terms, state), outcome: "completed", estimated: false } as const;
      return { kind: "settle", report, made: recordOf(id, upstream, terms, video) };
    }
    case "cancelled":
      return { kind: "release", outcome: "abandoned" };
    case "failed":
    case "expired":
      return { kind: "release", outcome: "failed" };
  }
}
