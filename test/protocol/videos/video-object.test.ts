import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../../../src/protocol/adapter.ts";
import { deletedVideo, readVideo, videoList } from "../../../src/protocol/videos/video-object.ts";

/** A video as OpenAI showed it. */
const VIDEO = {
  id: "video_123",
  object: "video",
  model: "sora-2",
  status: "queued",
  progress: 0,
  created_at: 1_758_941_485,
  completed_at: null,
  expires_at: null,
  error: null,
  prompt: "A cat",
  seconds: "8",
  size: "720x1280",
  remixed_from_video_id: null,
};

describe("how a video stands", () => {
  it("is read from what OpenAI says", () => {
    expect(readVideo(VIDEO)).toEqual({
      id: "video_123",
      state: "open",
      seconds: 8,
      size: "720x1280",
      progress: 0,
      errorCode: null,
    });
  });

  // C21
  it.each<[Json, string]>([
    ["queued", "open"],
    ["in_progress", "open"],
    ["processing", "open"],
    ["pending", "open"],
    ["completed", "completed"],
    ["succeeded", "completed"],
    ["Succeeded", "completed"],
    ["failed", "failed"],
    ["moderated", "failed"],
    ["content-filtered", "failed"],
    ["cancelled", "cancelled"],
    ["canceled", "cancelled"],
    ["expired", "expired"],
  ])("status %j is %s", (status, state) => {
    expect(readVideo({ ...VIDEO, status })).toMatchObject({ state });
  });

  // C22
  it.each<Json>(["timeout", "unknown", "", "constructor", "new in 2027", null, 5, {}])(
    "status %j is not understood, and unknown is not failed",
    (status) => {
      expect(readVideo({ ...VIDEO, status })).toMatchObject({ state: "open" });
      expect(readVideo({ ...VIDEO, status, error: { code: "internal", message: "x" } })).toMatchObject({
        state: "open",
      });
    },
  );

  it.each(["moderation_blocked", "content_filter", "content_policy_violation", "contentFilter"])(
    "the error %s ends a video of which nothing else is said",
    (code) => {
      const error = { code, message: "Blocked." };
      expect(readVideo({ ...VIDEO, status: "blocked", error })).toMatchObject({ state: "failed", errorCode: code });
      expect(readVideo({ ...VIDEO, status: "in_progress", error })).toMatchObject({ state: "open" });
      expect(readVideo({ ...VIDEO, status: "completed", error })).toMatchObject({ state: "completed" });
    },
  );

  it.each<[Json, string | null]>([
    [null, null],
    [{ code: "video_generation_failed", message: "x" }, "video_generation_failed"],
    [{ type: "server_error" }, "server_error"],
    [{ code: 500 }, null],
    ["out of memory", "out of memory"],
    ["", null],
    ["x".repeat(1_000), "x".repeat(64)],
  ])("of the error %j, %j is told", (error, errorCode) => {
    expect(readVideo({ ...VIDEO, status: "failed", error })).toMatchObject({ errorCode });
  });

  it.each<[Json, number | null]>([
    ["8", 8],
    [8, 8],
    ["7.97", 8],
    [8.04, 8],
    ["0", null],
    [-8, null],
    ["-8", null],
    ["eight", null],
    ["8s", null],
    [null, null],
    [1e9, null],
    ["1e3", null],
    [[8], null],
  ])("a length of %j is %j seconds", (seconds, read) => {
    expect(readVideo({ ...VIDEO, seconds })).toMatchObject({ seconds: read });
  });

  it.each<[Json, number | null]>([
    [0, 0],
    [33.9, 33],
    ["45%", 45],
    ["100", 100],
    [250, 100],
    [-1, 0],
    ["done", null],
    [null, null],
  ])("a progress of %j is %j", (progress, read) => {
    expect(readVideo({ ...VIDEO, progress })).toMatchObject({ progress: read });
  });

  it.each<Json>([
    null,
    "video",
    5,
    [],
    {},
    { error: { message: "Not found", code: "not_found" } },
    { id: 5 },
    { id: "" },
  ])("%j is no video", (json) => {
    expect(readVideo(json)).toBeNull();
  });

  it("whatever comes, it never throws and ends only by a word that means an end", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (status, error, seconds) => {
        const video = readVideo({ id: "video_1", status, error, seconds } as Json);
        expect(video?.state).toBe("open");
      }),
    );
  });
});

describe("what is shown of several videos, and of none", () => {
  it("a page tells its first and last", () => {
    const page = videoList([VIDEO, { ...VIDEO, id: "video_124" }], { hasMore: true });
    expect(page).toEqual({
      object: "list",
      data: [VIDEO, { ...VIDEO, id: "video_124" }],
      first_id: "video_123",
      last_id: "video_124",
      has_more: true,
    });
    expect(videoList([], { hasMore: false })).toEqual({
      object: "list",
      data: [],
      first_id: null,
      last_id: null,
      has_more: false,
    });
  });

  it("a deleted video says so", () => {
    expect(deletedVideo("video_123")).toEqual({ id: "video_123", object: "video.deleted", deleted: true });
  });
});
