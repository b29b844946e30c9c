import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { price } from "../../../src/core/rate-card.ts";
import { NO_USAGE } from "../../../src/core/usage.ts";
import { isFault } from "../../../src/protocol/fault.ts";
import {
  boundOfVideo,
  extendedVideo,
  newVideo,
  remadeVideo,
  usageOfVideo,
  type VideoTerms,
} from "../../../src/protocol/videos/video-price.ts";
import { CODEX_RATE, credits, VIDEO_RATE } from "../../support/core-fixtures.ts";

const SIZE = "720x1280";
const source = { seconds: 12, size: SIZE };

function charge(terms: VideoTerms, reported: number | null): number {
  const answer = price(VIDEO_RATE, usageOfVideo(terms, { seconds: reported }));
  if (typeof answer !== "number") throw new Error(`no price for ${answer.unpriced}`);
  return answer;
}

describe("what a video costs is known before it is made", () => {
  // X17
  it.each([
    [4, SIZE, 10],
    [12, SIZE, 30],
    [12, "1024x1792", 150],
    [3_600, "1024x1792", 45_000],
  ])("%i seconds at %s cost %i credits", (seconds, size, amount) => {
    const bound = boundOfVideo(VIDEO_RATE, { seconds, size });
    if (isFault(bound)) throw new Error(bound.message);
    expect(bound).toEqual({ ...NO_USAGE, seconds, size });
    expect(price(VIDEO_RATE, bound)).toBe(credits(amount));
  });

  it("a size without a price is refused, and the priced ones are told", () => {
    expect(boundOfVideo(VIDEO_RATE, { seconds: 4, size: "1792x1024" })).toMatchObject({
      status: 400,
      param: "size",
      message: expect.stringContaining("720x1280, 1024x1792"),
    });
    expect(boundOfVideo(VIDEO_RATE, { seconds: 4, size: "toString" })).toMatchObject({ param: "size" });
  });

  it("a model that makes no videos is refused", () => {
    expect(boundOfVideo(CODEX_RATE, { seconds: 4, size: SIZE })).toMatchObject({ code: "model_not_found" });
  });

  it("an extension costs what it adds, or all of it, as is configured", () => {
    expect(boundOfVideo(VIDEO_RATE, extendedVideo(source, 8, "added"))).toMatchObject({ seconds: 8 });
    expect(boundOfVideo(VIDEO_RATE, extendedVideo(source, 8, "total"))).toMatchObject({ seconds: 20 });
  });

  it("a remix costs what its source did", () => {
    expect(boundOfVideo(VIDEO_RATE, remadeVideo(source))).toMatchObject(source);
  });
});

describe("a finished video is charged as it was made, and never beyond what was asked for", () => {
  it.each<[string, VideoTerms, number | null, number]>([
    ["as ordered", newVideo({ seconds: 8, size: SIZE }), 8, 20],
    ["shorter", newVideo({ seconds: 8, size: SIZE }), 4, 10],
    ["longer than ordered", newVideo({ seconds: 8, size: SIZE }), 12, 20],
    ["without a length", newVideo({ seconds: 8, size: SIZE }), null, 20],
    ["a remix of a source longer than its record", remadeVideo(source), 20, 50],
    ["a remix that is shorter", remadeVideo(source), 8, 20],
    ["an extension, by what it adds", extendedVideo(source, 8, "added"), 20, 20],
    ["an extension that added less", extendedVideo(source, 8, "added"), 16, 10],
    ["an extension that reports what it added", extendedVideo(source, 8, "added"), 8, 20],
    ["an extension that added more", extendedVideo(source, 8, "added"), 40, 20],
    ["an extension without a length", extendedVideo(source, 8, "added"), null, 20],
    ["an extension, all of it", extendedVideo(source, 8, "total"), 20, 50],
    ["an extension of a longer source, all of it", extendedVideo(source, 8, "total"), 24, 60],
  ])("%s", (_, terms, reported, amount) => {
    expect(charge(terms, reported)).toBe(credits(amount));
  });

  it("whatever is reported, some seconds are charged, and no more than were reserved for what the request fixed", () => {
    const seconds = fc.integer({ min: 1, max: 3_600 });
    fc.assert(
      fc.property(seconds, seconds, fc.option(seconds), (length, added, reported) => {
        for (const terms of [
          newVideo({ seconds: length, size: SIZE }),
          extendedVideo({ seconds: length, size: SIZE }, added, "added"),
        ]) {
          const usage = usageOfVideo(terms, { seconds: reported });
          expect(usage.seconds).toBeGreaterThan(0);
          expect(usage.seconds).toBeLessThanOrEqual(terms.seconds);
        }
      }),
    );
  });
});
