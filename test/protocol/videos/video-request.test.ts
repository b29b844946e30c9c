import OpenAI, { toFile } from "openai";
import { describe, expect, it } from "vitest";
import type { RequestFault } from "../../../src/protocol/adapter.ts";
import { isFault } from "../../../src/protocol/fault.ts";
import type { VideoVerb } from "../../../src/protocol/videos/video-fields.ts";
import type { VideoRequest } from "../../../src/protocol/videos/video-request.ts";
import { accepted, formOf, formRequest, hex, jsonRequest, read, received, refusal } from "./forms.ts";

type Members = Readonly<Record<string, unknown>>;

/** A body as a form: objects become names in brackets. */
function asForm(body: Members): Request {
  const parts = Object.entries(body).flatMap(([name, value]) =>
    typeof value === "object" && value !== null
      ? Object.entries(value).map(([inner, content]) => ({ name: `${name}[${inner}]`, content: String(content) }))
      : [{ name, content: String(value) }],
  );
  return formRequest(formOf(parts));
}

async function upstreamJson(request: VideoRequest, model: string | null = "sora-up"): Promise<unknown> {
  const { body, contentType } = request.toUpstream({ model });
  expect(contentType).toBe("application/json");
  return JSON.parse(new TextDecoder().decode(body as Uint8Array));
}

const WAYS = [
  ["JSON", jsonRequest],
  ["a form", asForm],
] as const;

describe.each(WAYS)("a request to make a video, as %s", (_, requestOf) => {
  it("is understood", async () => {
    const body = { prompt: "A cat", model: "sora-2-pro", seconds: "8", size: "1792x1024" };
    expect(await accepted(requestOf(body))).toMatchObject({
      verb: "create",
      path: "/videos",
      model: "sora-2-pro",
      seconds: 8,
      size: "1792x1024",
      sourceId: null,
      prompt: "A cat",
      whole: true,
    });
  });

  it("gets the defaults that it is priced at", async () => {
    const request = await accepted(requestOf({ prompt: "A cat" }));
    expect(request).toMatchObject({ model: "sora-2", seconds: 4, size: "720x1280" });
  });

  it.each<[string, Members, string]>([
    ["no prompt", {}, "missing_required_parameter prompt"],
    ["an empty prompt", { prompt: "" }, "invalid_value prompt"],
    ["a prompt that is too long", { prompt: "x".repeat(32_001) }, "invalid_value prompt"],
    ["no seconds", { prompt: "x", seconds: "0" }, "invalid_value seconds"],
    ["seconds below zero", { prompt: "x", seconds: "-4" }, "invalid_value seconds"],
    ["a part of a second", { prompt: "x", seconds: "4.5" }, "invalid_value seconds"],
    ["seconds in another notation", { prompt: "x", seconds: "1e3" }, "invalid_value seconds"],
    ["octal seconds", { prompt: "x", seconds: "010" }, "invalid_value seconds"],
    ["seconds with a space", { prompt: "x", seconds: " 4" }, "invalid_value seconds"],
    ["seconds in other digits", { prompt: "x", seconds: "٤" }, "invalid_value seconds"],
    ["more than an hour", { prompt: "x", seconds: "3601" }, "invalid_value seconds"],
    ["a size that is none", { prompt: "x", size: "very large" }, "invalid_value size"],
    ["a model that is none", { prompt: "x", model: "" }, "invalid_value model"],
    ["two videos", { prompt: "x", n: 2 }, "invalid_value n"],
    ["no video", { prompt: "x", n: 0 }, "invalid_value n"],
    [
      "a stored file",
      { prompt: "x", input_reference: { file_id: "file_1" } },
      "unsupported_parameter input_reference[file_id]",
    ],
    [
      "a file of the server",
      { prompt: "x", input_reference: { image_url: "file:///etc/passwd" } },
      "invalid_value input_reference[image_url]",
    ],
    [
      "a URL without encryption",
      { prompt: "x", input_reference: { image_url: "http://a.test/i.png" } },
      "invalid_value input_reference[image_url]",
    ],
    [
      "data that is no image",
      { prompt: "x", input_reference: { image_url: "data:text/html,x" } },
      "invalid_value input_reference[image_url]",
    ],
    ["another video", { prompt: "x", video: { id: "video_1" } }, "unsupported_parameter video[id]"],
    ["a tier without a price", { prompt: "x", service_tier: "priority" }, "unsupported_parameter service_tier"],
    ["a resolution by another name", { prompt: "x", resolution: "1080p" }, "unsupported_parameter resolution"],
    ["a length by another name", { prompt: "x", duration: 60 }, "unsupported_parameter duration"],
    ["frames", { prompt: "x", num_frames: 10_000 }, "unsupported_parameter num_frames"],
  ])("%s is refused", async (_name, body, answer) => {
    expect(await refusal(requestOf(body))).toBe(`400 ${answer}`);
  });

  it.each(["https://a.test/i.png", "data:image/png;base64,AAAA", `data:image/jpeg;base64,${"A".repeat(2_000_000)}`])(
    "an image behind %.30s is passed on",
    async (url) => {
      const request = await accepted(requestOf({ prompt: "x", input_reference: { image_url: url } }));
      const { body } = request.toUpstream({ model: "sora-up" });
      expect(new TextDecoder().decode(body as Uint8Array)).toContain(url);
    },
  );

  it("the longest prompt is read, in whatever characters", async () => {
    for (const prompt of ["x".repeat(32_000), "猫".repeat(32_000), "🐈".repeat(32_000)]) {
      expect((await accepted(requestOf({ prompt }))).prompt).toBe(prompt);
    }
    expect(await refusal(requestOf({ prompt: "🐈".repeat(32_001) }))).toMatch(/prompt$/);
  });

  it.each<[VideoVerb, Members, Partial<VideoRequest>]>([
    ["remix", { prompt: "At night" }, { path: "/videos/video_1/remix", seconds: null }],
    ["edit", { prompt: "At night", video: { id: "video_1" } }, { path: "/videos/edits", seconds: null }],
    [
      "extension",
      { prompt: "On and on", video: { id: "video_1" }, seconds: "20" },
      { path: "/videos/extensions", seconds: 20 },
    ],
  ])("a request for a %s takes model and size from its source", async (verb, body, understood) => {
    const options = verb === "remix" ? { verb, sourceId: "video_1" } : { verb };
    const request = await accepted(requestOf(body), options);
    expect(request).toMatchObject({ verb, model: null, size: null, sourceId: "video_1", ...understood });
    for (const own of ["model", "size", ...(verb === "extension" ? [] : ["seconds"])]) {
      expect(await refusal(requestOf({ ...body, [own]: "8" }), options)).toBe(`400 unsupported_parameter ${own}`);
    }
    expect(await refusal(requestOf({ ...body, prompt: "" }), options)).toBe("400 invalid_value prompt");
  });

  it.each<[string, VideoVerb, Members, string]>([
    ["an edit of nothing", "edit", { prompt: "x" }, "missing_required_parameter video[id]"],
    ["an edit of a path", "edit", { prompt: "x", video: { id: "../responses/resp_1" } }, "invalid_value video[id]"],
    [
      "an extension of no length",
      "extension",
      { prompt: "x", video: { id: "video_1" } },
      "missing_required_parameter seconds",
    ],
    ["a character without a name", "character", {}, "missing_required_parameter name"],
    ["a character with a long name", "character", { name: "x".repeat(81) }, "invalid_value name"],
    ["a character without a video", "character", { name: "Mossy" }, "missing_required_parameter video"],
  ])("%s is refused", async (_name, verb, body, answer) => {
    expect(await refusal(requestOf(body), { verb })).toBe(`400 ${answer}`);
  });
});

describe("JSON is sent on as it was priced", () => {
  it("with the defaults written out and the upstream's name of the model", async () => {
    const request = await accepted(jsonRequest({ prompt: "x", seed: 7, user: null }));
    expect(await upstreamJson(request)).toEqual({
      prompt: "x",
      model: "sora-up",
      seconds: "4",
      size: "720x1280",
      seed: 7,
      user: null,
    });
  });

  it("a length may be a number", async () => {
    const request = await accepted(jsonRequest({ prompt: "x", seconds: 12 }));
    expect(request.seconds).toBe(12);
    expect(await upstreamJson(request)).toMatchObject({ seconds: 12 });
  });

  it("a length that stands twice is priced as it is sent", async () => {
    const text = '{"prompt":"x","seconds":"4","seconds":"12"}';
    const request = new Request("http://gateway.test/v1/videos", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: text,
    });
    const understood = await accepted(request);
    expect(understood.seconds).toBe(12);
    expect(await upstreamJson(understood)).toMatchObject({ seconds: "12" });
  });

  it.each<[string, Members, VideoVerb]>([
    ["two sources", { prompt: "x", video: { id: "video_other" }, "video[id]": "video_own" }, "edit"],
    ["a source in brackets", { prompt: "x", "video[id]": "video_own" }, "edit"],
    ["a source among others", { prompt: "x", video: [{ id: "video_own" }] }, "edit"],
    ["a source as a text", { prompt: "x", video: "video_own" }, "edit"],
    ["a source and more", { prompt: "x", video: { id: "video_own", url: "https://a.test" } }, "edit"],
    ["an image as a text", { prompt: "x", input_reference: "https://a.test/i.png" }, "create"],
    ["an image among others", { prompt: "x", input_reference: [{ image_url: "https://a.test" }] }, "create"],
    ["an inner length", { prompt: "x", seconds: { value: 4 } }, "create"],
    ["lengths", { prompt: "x", seconds: ["4"] }, "create"],
    ["a true length", { prompt: "x", seconds: true }, "create"],
    ["a prompt that is a number", { prompt: 5 }, "create"],
    ["a huge length", { prompt: "x", seconds: 1e21 }, "create"],
    ["a list", [] as unknown as Members, "create"],
  ])("%s is refused", async (_name, body, verb) => {
    expect(await refusal(jsonRequest(body), { verb })).toMatch(/^400 /);
  });

  it("a remix says nothing of the model", async () => {
    const request = await accepted(jsonRequest({ prompt: "x" }), { verb: "remix", sourceId: "video_1" });
    expect(await upstreamJson(request, null)).toEqual({ prompt: "x" });
    expect(await upstreamJson(request, "sora-up")).toEqual({ prompt: "x" });
  });

  it("a remix of a strange id stays below its path", async () => {
    const request = await accepted(jsonRequest({ prompt: "x" }), { verb: "remix", sourceId: "a/../b?c" });
    expect(request.path).toBe("/videos/a%2F..%2Fb%3Fc/remix");
  });
});

describe("a form has files only where they can be priced", () => {
  const video = { name: "video", content: "mp4", filename: "v.mp4", type: "video/mp4" };
  const prompt = { name: "prompt", content: "x" };

  it.each<[VideoVerb, string]>([
    ["edit", "400 unsupported_parameter video"],
    ["extension", "400 unsupported_parameter video"],
    ["create", "400 unsupported_parameter video"],
    ["remix", "400 unsupported_parameter video"],
  ])("not for a request of kind %s, whose length nobody knows", async (verb, answer) => {
    expect(await refusal(formRequest(formOf([video, prompt])), { verb, sourceId: "video_1" })).toBe(answer);
  });

  it("an image has to be a file, and a prompt a text", async () => {
    const text = { name: "input_reference", content: "https://a.test/i.png" };
    expect(await refusal(formRequest(formOf([prompt, text])))).toBe("400 invalid_value input_reference");
    expect(await refusal(formRequest(formOf([{ ...prompt, filename: "p" }])))).toBe("400 invalid_value prompt");
  });
});

describe("the OpenAI SDK is understood", () => {
  const image = new Uint8Array(3_000).map((_, index) => index % 256);

  /** What the gateway makes of a call, and what it sends on. */
  async function called(
    verb: VideoVerb,
    call: (client: OpenAI) => Promise<unknown>,
    sourceId?: string,
  ): Promise<{ request: VideoRequest | RequestFault; sent: string[] }> {
    let request: VideoRequest | RequestFault | undefined;
    const client = new OpenAI({
      apiKey: "sk-test",
      baseURL: "http://gateway.test/v1",
      maxRetries: 0,
      fetch: async (url, init) => {
        const written = new Request(String(url), { ...init, duplex: "half" } as RequestInit);
        const { method, headers } = written;
        const arrived = new Request(written.url, { method, headers, body: await written.arrayBuffer() });
        request = await read(arrived, { verb, ...(sourceId === undefined ? {} : { sourceId }) });
        return Response.json({});
      },
    });
    await call(client);
    if (request === undefined) throw new Error("nothing was called");
    if (isFault(request)) return { request, sent: [] };
    const upstream = request.toUpstream({ model: "sora-up" });
    const isForm = upstream.contentType.startsWith("multipart/form-data");
    const parts = isForm ? await received(upstream) : [];
    return { request, sent: parts.map(({ name, value, content }) => `${name}=${value ?? content}`).sort() };
  }

  it.each<[string, (client: OpenAI) => Promise<unknown>, string[]]>([
    [
      "with everything",
      (client) => client.videos.create({ prompt: "A cat", model: "sora-2-pro", seconds: "8", size: "1024x1792" }),
      ["model=sora-up", "prompt=A cat", "seconds=8", "size=1024x1792"],
    ],
    [
      "with a prompt alone",
      (client) => client.videos.create({ prompt: "A cat" }),
      ["model=sora-up", "prompt=A cat", "seconds=4", "size=720x1280"],
    ],
    [
      "with an image first",
      async (client) =>
        client.videos.create({
          input_reference: await toFile(image, "图.png", { type: "image/png" }),
          prompt: "A cat",
          seconds: "12",
        }),
      [`input_reference=${hex(image)}`, "model=sora-up", "prompt=A cat", "seconds=12", "size=720x1280"],
    ],
    [
      "with an image by its URL",
      (client) => client.videos.create({ prompt: "A cat", input_reference: { image_url: "https://a.test/i.png" } }),
      [
        "input_reference[image_url]=https://a.test/i.png",
        "model=sora-up",
        "prompt=A cat",
        "seconds=4",
        "size=720x1280",
      ],
    ],
  ])("create, %s", async (_, call, sent) => {
    expect((await called("create", call)).sent).toEqual(sent);
  });

  it("remix, edit and extend name their source", async () => {
    const source = { sourceId: "video_1" };
    const remix = await called("remix", (client) => client.videos.remix("video_1", { prompt: "x" }), "video_1");
    expect(remix.request).toMatchObject({ ...source, path: "/videos/video_1/remix" });
    const edit = await called("edit", (client) => client.videos.edit({ prompt: "x", video: { id: "video_1" } }));
    expect(edit).toMatchObject({ request: source, sent: ["prompt=x", "video[id]=video_1"] });
    const extension = await called("extension", (client) =>
      client.videos.extend({ prompt: "x", seconds: "12", video: { id: "video_1" } }),
    );
    expect(extension).toMatchObject({
      request: { ...source, seconds: 12 },
      sent: ["prompt=x", "seconds=12", "video[id]=video_1"],
    });
  });

  it("an edit of a file is refused", async () => {
    const edit = await called("edit", async (client) =>
      client.videos.edit({ prompt: "x", video: await toFile(image, "v.mp4") }),
    );
    expect(edit.request).toMatchObject({ status: 400, param: "video" });
  });

  it("a character has a name and a video", async () => {
    const character = await called("character", async (client) =>
      client.videos.createCharacter({ name: "Mossy", video: await toFile(image, "v.mp4") }),
    );
    expect(character).toMatchObject({ request: { name: "Mossy" }, sent: ["name=Mossy", `video=${hex(image)}`] });
  });
});
