import { beforeEach, describe, expect, it } from "vitest";
import {
  AUTHORIZED,
  CHAT,
  type ChatBody,
  type ChatChunk,
  deltas,
  events,
  eventsIn,
  freshSimulator,
  json,
  post,
  RESPONSES,
  request,
  textOf,
  types,
} from "./client.ts";

beforeEach(freshSimulator);

describe("the Responses API", () => {
  it("answers JSON whose usage adds up and whose text has as many words as output tokens", async () => {
    const body = await json(post(RESPONSES, "output=7", { metadata: { order: "o-1" }, service_tier: "priority" }));
    expect(body).toMatchObject({ object: "response", status: "completed", model: "gpt-5.4", service_tier: "priority" });
    expect(body.metadata).toEqual({ order: "o-1" });
    expect(textOf(body)?.split(" ")).toHaveLength(7);
    const { usage } = body;
    expect(usage.output_tokens).toBe(7);
    expect(usage.total_tokens).toBe(usage.input_tokens + 7);
    expect(usage.input_tokens_details).toEqual({ cached_tokens: 0, cache_write_tokens: 0 });
    expect(usage.output_tokens_details).toEqual({ reasoning_tokens: 0 });
  });

  it("streams the whole sequence of events, numbered without a gap", async () => {
    const text = await (await post(RESPONSES, "output=3", { stream: true })).text();
    const list = eventsIn(text);
    expect(types(list)).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      ...Array(3).fill("response.output_text.delta"),
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(list.map((event) => event.sequence_number)).toEqual([...list.keys()]);
    expect(text.match(/^event: .*$/gm)).toEqual(types(list).map((type) => `event: ${type}`));
    const said = deltas(list).map((event) => event.delta);
    expect(textOf(list.at(-1)?.response)).toBe(said.join(""));
    expect(list.at(-1)?.response.usage.output_tokens).toBe(3);
  });

  it("takes a Codex body: unknown input items, no tools, no limit of output", async () => {
    const input = [
      { type: "additional_tools", role: "developer", tools: [{ type: "namespace", name: "x" }] },
      { type: "never_heard_of", blob: 1 },
    ];
    const body = { stream: true, store: false, input, client_metadata: { a: 1 }, include: ["reasoning"] };
    const list = await events(post(RESPONSES, "", body));
    expect(types(list).slice(-2)).toEqual(["response.output_item.done", "response.completed"]);
    expect(Object.keys(list.at(-1)?.response.usage ?? {}).sort()).toEqual(
      ["input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details", "total_tokens"].sort(),
    );
  });

  it("answers a compaction trigger with exactly one compaction item", async () => {
    const input = [{ role: "user", content: "Hi" }, { type: "compaction_trigger" }];
    const list = await events(post(RESPONSES, "output=9", { stream: true, input }));
    const done = list.filter((event) => event.type === "response.output_item.done");
    expect(done.map((event) => event.item.type)).toEqual(["compaction"]);
    expect(list.at(-1)?.response.usage.output_tokens).toBe(9);
  });

  it("stops at max_output_tokens and says so", async () => {
    const list = await events(post(RESPONSES, "output=10", { stream: true, max_output_tokens: 4 }));
    expect(deltas(list)).toHaveLength(4);
    expect(list.at(-1)).toMatchObject({
      type: "response.incomplete",
      response: { incomplete_details: { reason: "max_output_tokens" }, usage: { output_tokens: 4 } },
    });
  });

  it("gives the same question the same answer", async () => {
    const text = async () => textOf(await json(post(RESPONSES, "output=40")));
    expect(await text()).toBe(await text());
  });
});

describe("Chat Completions", () => {
  it("answers JSON with n choices and usage over all of them", async () => {
    const body = await json<ChatBody>(post(CHAT, "output=5", { n: 3 }));
    expect(body.choices.map((choice) => choice.index)).toEqual([0, 1, 2]);
    expect(body.choices[2]).toMatchObject({ finish_reason: "stop", message: { role: "assistant" } });
    expect(body.usage).toMatchObject({ completion_tokens: 15, total_tokens: body.usage.prompt_tokens + 15 });
    expect(body.usage.prompt_tokens_details).toMatchObject({ cached_tokens: 0 });
  });

  it("streams usage only when asked, in a last chunk without choices before [DONE]", async () => {
    const plain = await (await post(CHAT, "output=2", { stream: true })).text();
    expect(plain.endsWith("data: [DONE]\n\n")).toBe(true);
    expect(plain).not.toContain("usage");

    const asked = { stream: true, stream_options: { include_usage: true }, n: 2 };
    const text = await (await post(CHAT, "output=2", asked)).text();
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
    const list = eventsIn<ChatChunk>(text);
    expect(list.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 4 } });
    const others = list.slice(0, -1);
    expect(others.every((chunk) => chunk.usage === null && chunk.choices.length === 1)).toBe(true);
    const finished = others.flatMap((chunk) => chunk.choices).filter((choice) => choice.finish_reason === "stop");
    expect(finished.map((choice) => choice.index)).toEqual([0, 1]);
  });

  it.each(["max_completion_tokens", "max_tokens"])("stops at %s with finish_reason length", async (name) => {
    const body = await json<ChatBody>(post(CHAT, "output=10", { [name]: 4 }));
    expect(body.choices[0]?.finish_reason).toBe("length");
    expect(body.usage.completion_tokens).toBe(4);
  });

  it("ends a failing stream with an error instead of [DONE], and a failing JSON answer with status 500", async () => {
    const text = await (await post(CHAT, "output=2;failed", { stream: true })).text();
    expect(text).not.toContain("[DONE]");
    expect(eventsIn<ChatChunk>(text).at(-1)).toMatchObject({ error: { type: "server_error" } });
    expect((await post(CHAT, "failed")).status).toBe(500);
  });
});

describe("models, keys and unknown URLs", () => {
  it("lists the models of the rate card and describes each", async () => {
    const list = await json<{ object: string; data: { id: string }[] }>(request("/v1/models", AUTHORIZED));
    expect(list.object).toBe("list");
    expect(list.data.map((model) => model.id)).toContain("gpt-5.3-codex");
    const asCodex = await json(request("/v1/models?client_version=0.169.0", AUTHORIZED));
    expect(asCodex).toEqual(list);
    expect(await json(request("/v1/models/gpt-6.1-sol", AUTHORIZED))).toMatchObject({ object: "model" });
    const unknown = await request("/v1/models/constructor", AUTHORIZED);
    expect(unknown.status).toBe(404);
    expect(await json(unknown)).toMatchObject({ error: { code: "model_not_found" } });
  });

  it.each(["", "Bearer ", "Basic abc"])("refuses the authorization '%s' with OpenAI's 401", async (authorization) => {
    const response = await post(RESPONSES, "", {}, { headers: { authorization } });
    expect(response.status).toBe(401);
    expect(await json(response)).toMatchObject({ error: { type: "invalid_request_error", param: null } });
  });

  it("answers any other URL with OpenAI's 404", async () => {
    for (const path of ["/v1/embeddings", "/", "/v1/responses"]) {
      const response = await request(path);
      expect(response.status).toBe(404);
      expect((await json(response)).error.message).toBe(`Invalid URL (GET ${path})`);
    }
  });

  it.each([["not json"], ["[]"], ["{}"], ['{"model":5}']])("refuses the body %s with 400", async (body) => {
    const response = await request(RESPONSES, { method: "POST", body, ...AUTHORIZED });
    expect(response.status).toBe(400);
  });

  it("refuses metadata beyond OpenAI's bounds, and a body beyond its own", async () => {
    expect((await post(RESPONSES, "", { metadata: { a: "x".repeat(513) } })).status).toBe(400);
    expect((await post(RESPONSES, "", { input: "x".repeat(17 * 1024 * 1024) })).status).toBe(413);
  });

  it("carries on every answer the headers that a gateway must stop", async () => {
    for (const response of [await post(RESPONSES, ""), await post(RESPONSES, "status=500")]) {
      expect(response.headers.get("x-request-id")).toMatch(/^req_/);
      expect(response.headers.get("openai-processing-ms")).toMatch(/^\d+$/);
      expect(response.headers.get("openai-organization")).toBe("org-simulated");
      expect(response.headers.get("openai-model")).not.toBe("gpt-5.4");
      expect(response.headers.has("x-ratelimit-limit-requests")).toBe(true);
      expect(response.headers.has("set-cookie")).toBe(true);
    }
  });
});
