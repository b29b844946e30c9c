import { createHash } from "node:crypto";
import OpenAI, { toFile } from "openai";
import type { Video, VideoCreateParams } from "openai/resources/videos";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../scripts/local-gateway.ts";
import { type JournalBody, json, KEY, type RecordedRequest } from "./client.ts";

const START_MS = 30_000;
const MIB = 1024 * 1024;
const AUTHORIZED = { authorization: `Bearer ${KEY}` };

let simulator: Simulator;
let client: OpenAI;

beforeAll(async () => {
  simulator = await startSimulator("none");
  client = new OpenAI({ apiKey: KEY, baseURL: `${simulator.url}/v1`, maxRetries: 0 });
}, START_MS);

afterAll(() => simulator.dispose());

beforeEach(async () => {
  await fetch(`${simulator.url}/simulator/requests`, { method: "DELETE" });
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const create = (controls: string, body: Partial<VideoCreateParams> = {}) =>
  client.videos.create({ prompt: `A cat [simulate: ${controls}]`, ...body });
const content = (id: string, headers: Record<string, string> = {}, query = "") =>
  fetch(`${simulator.url}/v1/videos/${id}/content${query}`, { headers: { ...AUTHORIZED, ...headers } });
const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());
const journal = () => json<JournalBody>(fetch(`${simulator.url}/simulator/requests`));

async function last(): Promise<RecordedRequest> {
  const request = (await journal()).requests.at(-1);
  if (request === undefined) throw new Error("the simulator has seen no request");
  return request;
}

/** Polls until the video is over; gives all that was seen. */
async function watch(id: string): Promise<Video[]> {
  const seen: Video[] = [];
  for (;;) {
    const video = await client.videos.retrieve(id);
    seen.push(video);
    if (video.status !== "queued" && video.status !== "in_progress") return seen;
    await pause(20);
  }
}

describe("a video", () => {
  // The simulator's process has a clock of its own: a stall of the machine can hide a state from whoever looks.
  it("is queued, progresses and is completed", { retry: 3 }, async () => {
    const queued = await create("video=1500", { model: "sora-2-pro", seconds: "8", size: "1280x720" });
    expect(queued).toEqual({
      id: expect.stringMatching(/^video_[0-9a-f]{32}$/),
      object: "video",
      model: "sora-2-pro",
      status: "queued",
      progress: 0,
      created_at: expect.any(Number),
      completed_at: null,
      expires_at: null,
      error: null,
      prompt: "A cat [simulate: video=1500]",
      seconds: "8",
      size: "1280x720",
      remixed_from_video_id: null,
    });
    const seen = await watch(queued.id);
    expect([...new Set(seen.map((video) => video.status))]).toEqual(["queued", "in_progress", "completed"]);
    const progress = seen.map((video) => video.progress);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.filter((percent) => percent > 0 && percent < 100).length).toBeGreaterThan(2);
    const done = seen.at(-1);
    expect(done).toMatchObject({ progress: 100, error: null });
    expect(done?.expires_at).toBe(Number(done?.completed_at) + 3600);
  });

  it("has OpenAI's defaults, from JSON too", async () => {
    const ordered = (body: object) => client.post<Video>("/videos", { body });
    expect(await ordered({ prompt: "A dog" })).toMatchObject({ model: "sora-2", seconds: "4", size: "720x1280" });
    expect(await ordered({ prompt: "A dog", seconds: 8 })).toMatchObject({ seconds: "8" });
    await expect(ordered({ prompt: "x", seconds: "many" })).rejects.toMatchObject({ status: 400, param: "seconds" });
    await expect(client.videos.create({ prompt: "" })).rejects.toMatchObject({ status: 400, param: "prompt" });
  });

  it.each([
    ["failed", "failed", "video_generation_failed"],
    ["failed;code=gpu_lost", "failed", "gpu_lost"],
    ["moderated", "failed", "moderation_blocked"],
    ["expired", "expired", undefined],
  ])("ends as %s asks", async (controls, status, code) => {
    const { id } = await create(`late=60;${controls}`);
    const video = (await watch(id)).at(-1);
    expect(video).toMatchObject({ status, progress: 99, completed_at: null });
    expect(video?.error?.code).toBe(code);
    await expect(client.videos.downloadContent(id)).rejects.toMatchObject({ status: 404 });
  });

  it("is made for ever where it is stuck", async () => {
    const { id } = await create("video=0;stuck");
    await pause(30);
    expect(await client.videos.retrieve(id)).toMatchObject({ status: "in_progress", progress: 99 });
  });

  it("reports another length than was ordered", async () => {
    expect((await create("seconds=7", { seconds: "8" })).seconds).toBe("7");
  });

  it("is deleted when it is over, and before only where that is asked for", async () => {
    const { id } = await create("video=0");
    expect(await client.videos.delete(id)).toEqual({ id, object: "video.deleted", deleted: true });
    await expect(client.videos.retrieve(id)).rejects.toThrow(OpenAI.NotFoundError);
    await expect(client.videos.delete(id)).rejects.toThrow(OpenAI.NotFoundError);

    const running = await create("stuck");
    await expect(client.videos.delete(running.id)).rejects.toMatchObject({ status: 400 });
    const headers = { "x-simulate": "delete_running" };
    expect(await client.videos.delete(running.id, { headers })).toMatchObject({ deleted: true });
  });
});

describe("what is made from a video", () => {
  it("is a remix, an edit or an extension of it", async () => {
    const source = await create("video=0", { model: "sora-2-pro", seconds: "8", size: "1280x720" });
    const same = { model: "sora-2-pro", size: "1280x720" };
    const { id, seconds } = source;
    const remix = await client.videos.remix(id, { prompt: "In snow" });
    expect(remix).toMatchObject({ ...same, seconds, prompt: "In snow", remixed_from_video_id: id });
    const edit = await client.videos.edit({ prompt: "Bluer", video: { id } });
    expect(edit).toMatchObject({ ...same, seconds, prompt: "Bluer", remixed_from_video_id: null });
    const longer = await client.videos.extend({ prompt: "And then?", seconds: "12", video: { id } });
    expect(longer).toMatchObject({ ...same, seconds: "20" });
    const file = await toFile(new Uint8Array(10), "mine.mp4", { type: "video/mp4" });
    expect(await client.videos.edit({ prompt: "Bluer", video: file })).toMatchObject({ model: "sora-2", seconds: "4" });
  });

  it("needs a source that is completed", async () => {
    const { id } = await create("stuck");
    await expect(client.videos.remix(id, { prompt: "x" })).rejects.toMatchObject({ status: 400 });
    await expect(client.videos.remix("video_unknown", { prompt: "x" })).rejects.toThrow(OpenAI.NotFoundError);
    await expect(client.videos.edit({ prompt: "x", video: { id: "video_unknown" } })).rejects.toMatchObject({
      status: 404,
    });
  });

  it("is a character", async () => {
    const video = await toFile(new Uint8Array(10), "me.mp4", { type: "video/mp4" });
    const made = await client.videos.createCharacter({ name: "Ada", video });
    expect(made).toEqual({ id: expect.stringMatching(/^char_/), name: "Ada", created_at: expect.any(Number) });
    expect(await client.videos.getCharacter(made.id ?? "")).toEqual(made);
    await expect(client.videos.getCharacter("char_unknown")).rejects.toThrow(OpenAI.NotFoundError);
  });
});

describe("the list of videos", () => {
  it("is read in pages, newest first or oldest first", async () => {
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.push((await create("video=0")).id);
    const newest: string[] = [];
    for await (const { id } of client.videos.list({ limit: 2 })) {
      newest.push(id);
      if (newest.length === 5) break;
    }
    expect(newest).toEqual(made.toReversed());
    const page = await client.videos.list({ order: "asc", limit: 3, after: made[0] ?? "" });
    expect(page.data.map(({ id }) => id)).toEqual(made.slice(1, 4));
    expect(page.has_more).toBe(true);
    const plain = await json<object>(fetch(`${simulator.url}/v1/videos?limit=1`, { headers: AUTHORIZED }));
    expect(plain).toMatchObject({ object: "list", first_id: made[4], last_id: made[4], has_more: true });
  });

  it("shows tests the videos of all upstreams", async () => {
    const { id } = await create("video=0");
    const all = await json<{ videos: object[] }>(fetch(`${simulator.url}/simulator/videos`));
    expect(all.videos.at(-1)).toMatchObject({ id, status: "completed", host: new URL(simulator.url).host });
  });
});

describe("the content of a video", () => {
  it.each([
    ["video", "video/mp4", 4, "ftyp"],
    ["thumbnail", "image/webp", 8, "WEBP"],
    ["spritesheet", "image/jpeg", 6, "JFIF"],
  ] as const)("is a real %s", async (variant, type, at, mark) => {
    const { id } = await create("video=0");
    const response = await client.videos.downloadContent(id, { variant });
    expect(response.headers.get("content-type")).toBe(type);
    const bytes = await bytesOf(response);
    expect(bytes.length).toBe(Number(response.headers.get("content-length")));
    expect(new TextDecoder("latin1").decode(bytes.subarray(at, at + 4))).toBe(mark);
    expect(await last()).toMatchObject({ ending: "complete", status: 200 });
  });

  it("is not there before the end", async () => {
    const { id } = await create("stuck");
    await expect(client.videos.downloadContent(id)).rejects.toMatchObject({ status: 404, code: null });
    const odd = await content((await create("video=0")).id, {}, "?variant=sound");
    expect(odd.status).toBe(400);
  });

  it("can be had in parts", async () => {
    const { id } = await create("video=0");
    const whole = await bytesOf(await content(id));
    const { length } = whole;
    const parts = [
      ["bytes=0-99", 0, 100],
      ["bytes=100-", 100, length],
      ["bytes=-50", length - 50, length],
      [`bytes=10-${length + 1000}`, 10, length],
    ] as const;
    for (const [range, from, to] of parts) {
      const part = await content(id, { range });
      expect(part.status).toBe(206);
      expect(part.headers.get("content-range")).toBe(`bytes ${from}-${to - 1}/${length}`);
      expect(part.headers.get("content-length")).toBe(String(to - from));
      expect(await bytesOf(part)).toEqual(whole.slice(from, to));
    }
    expect((await content(id, { range: "bytes=0-1,5-6" })).status).toBe(200);
    const beyond = await content(id, { range: `bytes=${length}-` });
    expect(beyond.status).toBe(416);
    expect(beyond.headers.get("content-range")).toBe(`bytes */${length}`);
    expect(await beyond.json()).toMatchObject({ error: { type: "invalid_request_error" } });
  });

  it("is as large as a test wants it, and the same in parts", async () => {
    const size = 20 * MIB + 7;
    const { id } = await create(`video=0;content=${size}`);
    const whole = await bytesOf(await content(id));
    const expected = Uint8Array.from({ length: size }, (_, index) => index % 251);
    expect(digest(whole)).toBe(digest(expected));
    const part = await bytesOf(await content(id, { range: "bytes=1000000-3000000" }));
    expect(digest(part)).toBe(digest(expected.subarray(1_000_000, 3_000_001)));
    expect((await bytesOf(await content(id, { "x-simulate": "content=5" }))).length).toBe(5);
  });

  it("breaks off in the middle where that is asked for, and notices a caller who leaves", async () => {
    const { id } = await create(`video=0;content=${8 * MIB}`);
    await expect(content(id, { "x-simulate": "cut_after=0" }).then(bytesOf)).rejects.toThrow();
    expect(await last()).toMatchObject({ ending: "broken" });

    const abort = new AbortController();
    const url = `${simulator.url}/v1/videos/${id}/content`;
    const large = { ...AUTHORIZED, "x-simulate": `content=${1024 * MIB}` };
    const response = await fetch(url, { headers: large, signal: abort.signal });
    await response.body?.getReader().read();
    abort.abort();
    await expect.poll(async () => (await last()).ending).toBe("cancelled");
  });
});

describe("an idempotency key", () => {
  const keyed = (key: string, controls: string) =>
    client.videos.create({ prompt: `A cat [simulate: video=0;${controls}]` }, { headers: { "idempotency-key": key } });

  it("finds the video that was made with it on the same route", async () => {
    const { id } = await keyed("a", "");
    expect((await keyed("a", "")).id).toBe(id);
    expect((await keyed("b", "")).id).not.toBe(id);
    expect((await keyed("a", "no_idempotency")).id).not.toBe(id);
    const remix = await client.videos.remix(id, { prompt: "x" }, { headers: { "idempotency-key": "a" } });
    expect(remix.id).not.toBe(id);
  });

  it("finds a video whose answer was lost", async () => {
    const count = async () =>
      (await json<{ videos: object[] }>(fetch(`${simulator.url}/simulator/videos`))).videos.length;
    const before = await count();
    await expect(keyed("lost", "lose_answer")).rejects.toThrow();
    expect(await last()).toMatchObject({ ending: "broken" });
    expect(await count()).toBe(before + 1);
    expect(await keyed("lost", "lose_answer")).toMatchObject({ status: "completed" });
    expect(await count()).toBe(before + 1);
    await expect(keyed("lost", "lose_answer;no_idempotency")).rejects.toThrow();
    expect(await count()).toBe(before + 2);
  });
});

describe("a form in the journal", () => {
  it("shows its texts, and the name, type and size of a file", async () => {
    const file = await toFile(new Uint8Array(1234), "cat.png", { type: "image/png" });
    await create("video=0", { seconds: "8", input_reference: file });
    const request = await last();
    expect(request.fields).toEqual({
      prompt: "A cat [simulate: video=0]",
      seconds: "8",
      input_reference: JSON.stringify({ filename: "cat.png", type: "image/png", size: 1234 }),
    });
    expect(request.body_bytes).toBe(Number(request.headers["content-length"]));
    expect((await journal()).counters.by_route).toEqual({ "POST /v1/videos": 1 });
    await create("video=0", { input_reference: { image_url: "https://example.test/cat.png" } });
    expect((await last()).fields).toMatchObject({ "input_reference[image_url]": "https://example.test/cat.png" });
  });

  it("counts a large file that comes before the texts", async () => {
    const form = new FormData();
    form.set("input_reference", new Blob([new Uint8Array(50 * MIB).fill(13)]), 'a "b".png');
    form.set("prompt", "A cat [simulate: video=0;seconds=3]");
    const response = await fetch(`${simulator.url}/v1/videos`, { method: "POST", headers: AUTHORIZED, body: form });
    expect(await response.json()).toMatchObject({ status: "completed", seconds: "3" });
    const { body_bytes: bytes, fields } = await last();
    expect(bytes).toBeGreaterThan(50 * MIB);
    expect(JSON.stringify(fields)).toContain(`${50 * MIB}`);
  });

  it.each([
    ["broken off", "--x\r\ncontent-disposition: form-data; name=prompt\r\n\r\nA cat"],
    ["without names", "--x\r\ncontent-type: text/plain\r\n\r\nA cat\r\n--x--"],
    ["with a field twice", `${'--x\r\ncontent-disposition: form-data; name="prompt"\r\n\r\nA\r\n'.repeat(2)}--x--`],
    ["empty", ""],
  ])("is refused when it is %s", async (_, body) => {
    const headers = { ...AUTHORIZED, "content-type": "multipart/form-data; boundary=x" };
    const response = await fetch(`${simulator.url}/v1/videos`, { method: "POST", headers, body });
    expect(response.status).toBe(400);
  });
});

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
