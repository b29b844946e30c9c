import OpenAI from "openai";
import { beforeEach, describe, expect, it } from "vitest";
import {
  ask,
  chunks,
  events,
  freshSimulator,
  json,
  KEY,
  post,
  RESPONSES,
  type ResponseBody,
  request,
  textOf,
} from "./client.ts";

beforeEach(freshSimulator);

interface ItemList {
  data: { id: string; type: string; role: string; content: { text: string }[] }[];
  first_id: string;
  last_id: string;
  has_more: boolean;
}

const COMPACT = `${RESPONSES}/compact`;
const COUNT = `${RESPONSES}/input_tokens`;

const items = (id: string, query = "") => json<ItemList>(ask("GET", `${RESPONSES}/${id}/input_items${query}`));

describe("stored responses", () => {
  it("are read again as they were answered, and streamed again from any event on", async () => {
    const first = await json(post(RESPONSES, "output=3"));
    expect(await json(ask("GET", `${RESPONSES}/${first.id}`))).toEqual(first);

    const list = await events(post(RESPONSES, "output=3", { stream: true }));
    const { id } = list.at(-1)?.response ?? { id: "" };
    expect(await events(ask("GET", `${RESPONSES}/${id}?stream=true`))).toEqual(list);
    expect(await events(ask("GET", `${RESPONSES}/${id}?stream=true&starting_after=5`))).toEqual(list.slice(6));
  });

  it("are gone after their deletion, and were never there with store: false", async () => {
    const { id } = await json(post(RESPONSES, ""));
    expect(await json(ask("DELETE", `${RESPONSES}/${id}`))).toEqual({ id, object: "response", deleted: true });
    const unstored = await json(post(RESPONSES, "", { store: false }));
    for (const gone of [id, unstored.id, "resp_unknown"]) {
      const response = await ask("GET", `${RESPONSES}/${gone}`);
      expect(response.status).toBe(404);
      expect((await json(response)).error).toMatchObject({ type: "invalid_request_error", code: null });
      expect((await ask("DELETE", `${RESPONSES}/${gone}`)).status).toBe(404);
    }
  });

  it("belong to the upstream that was asked", async () => {
    const { id } = await json(post(`http://first.test${RESPONSES}`, ""));
    expect((await ask("GET", `http://first.test${RESPONSES}/${id}`)).status).toBe(200);
    expect((await ask("GET", `http://second.test${RESPONSES}/${id}`)).status).toBe(404);
  });

  it("are finished by a connection that breaks, and cancelled by a caller who leaves", async () => {
    const broken = await chunks(await post(RESPONSES, "output=9;cut_after=2", { stream: true }));
    const id = /resp_\w+/.exec(broken.parts.join(""))?.[0];
    expect(await json(ask("GET", `${RESPONSES}/${id}`))).toMatchObject({ status: "completed" });

    const left = await post(RESPONSES, "pace=50;output=99", { stream: true });
    const reader = left.body?.getReader();
    const start = new TextDecoder().decode((await reader?.read())?.value);
    const running = /resp_\w+/.exec(start)?.[0];
    expect(await json(ask("GET", `${RESPONSES}/${running}`))).toMatchObject({ status: "in_progress", usage: null });
    await reader?.cancel();
    const cancelled = await json(ask("GET", `${RESPONSES}/${running}`));
    expect(cancelled.status).toBe("cancelled");
    expect(cancelled).not.toHaveProperty("usage");
  });

  it("are at most 500", async () => {
    const first = await json(post(RESPONSES, "output=1"));
    for (let i = 0; i < 500; i++) await post(RESPONSES, "output=1");
    expect((await ask("GET", `${RESPONSES}/${first.id}`)).status).toBe(404);
  });
});

describe("the context of a response", () => {
  const next = (controls: string, previous: ResponseBody) =>
    json(post(RESPONSES, controls, { previous_response_id: previous.id }));

  it("holds all that came before, and is counted as input", async () => {
    const first = await json(post(RESPONSES, "input=1000;output=500"));
    const second = await next("output=20", first);
    expect(second.usage.input_tokens).toBeGreaterThan(1500);
    expect(second.usage.input_tokens).toBeLessThan(1600);
    const third = await next("", second);
    expect(third.usage.input_tokens).toBeGreaterThan(second.usage.total_tokens);
    expect((await next("input=7", second)).usage.input_tokens).toBe(7);

    const { data } = await items(third.id, "?order=asc");
    expect(data.map((item) => item.role)).toEqual(["user", "assistant", "user", "assistant", "user"]);
    expect(data[3]?.content[0]?.text).toBe(textOf(second));
  });

  it("lists input items newest first, in pages", async () => {
    const input = ["a", "b", "c"].map((text) => ({ role: "user", content: text }));
    const { id } = await json(post(RESPONSES, "", { input }));
    const page = await items(id, "?limit=2");
    expect(page.data.map((item) => item.content[0]?.text)).toEqual(["c", "b"]);
    expect(page).toMatchObject({ object: "list", has_more: true, last_id: page.data[1]?.id });
    const rest = await items(id, `?limit=2&after=${page.last_id}`);
    expect(rest.data.map((item) => item.content[0]?.text)).toEqual(["a"]);
    expect(rest.has_more).toBe(false);
  });

  it("resolves references to items, whatever request they came from", async () => {
    const first = await json(post(RESPONSES, "output=400"));
    const itemId = first.output[0]?.id;
    for (const reference of [{ type: "item_reference", id: itemId }, { id: itemId }]) {
      const body = await json(post(RESPONSES, "", { input: [reference] }));
      expect(body.usage.input_tokens).toBeGreaterThan(400);
      expect((await items(body.id)).data).toMatchObject([{ id: itemId, role: "assistant" }]);
    }
  });

  it("says reasoning to those who ask for it, and knows it again by its id", async () => {
    const said = await json(post(RESPONSES, "output=9;reasoning=5", { include: ["reasoning.encrypted_content"] }));
    expect(said.output).toMatchObject([
      { type: "reasoning", summary: [], encrypted_content: expect.stringMatching(/^simulated-/) },
      {},
    ]);
    const hidden = await json(post(RESPONSES, "output=9;reasoning=5"));
    expect(hidden.output.map(({ type }) => type)).toEqual(["reasoning", "message"]);
    expect(hidden.output[0]).not.toHaveProperty("encrypted_content");
    expect((await post(RESPONSES, "", { input: hidden.output })).status).toBe(200);
    const elsewhere = { ...said.output[0], id: "rs_elsewhere" };
    expect((await post(RESPONSES, "", { input: [elsewhere] })).status).toBe(200);
    expect((await post(RESPONSES, "", { input: [{ ...hidden.output[0], id: "rs_nowhere" }] })).status).toBe(404);
  });

  it("refuses what it does not know", async () => {
    const previous = await post(RESPONSES, "", { previous_response_id: "resp_unknown" });
    expect(previous.status).toBe(400);
    const { error } = await json(previous);
    expect(error).toMatchObject({ code: "previous_response_not_found", param: "previous_response_id" });
    const item = await post(RESPONSES, "", { input: [{ type: "item_reference", id: "msg_unknown" }] });
    expect(item.status).toBe(404);
    expect((await json(item)).error).toMatchObject({ param: "input", code: null });
  });
});

describe("compaction and counting", () => {
  it("puts one opaque item after what the user said, and reports usage", async () => {
    const { id } = await json(post(RESPONSES, "output=300"));
    const body = await json(post(COMPACT, "output=50;cached=10", { previous_response_id: id, input: "And then?" }));
    expect(body.object).toBe("response.compaction");
    expect(body.output.map((item) => item.role ?? item.type)).toEqual(["user", "user", "compaction"]);
    expect(body.usage).toMatchObject({ output_tokens: 50, input_tokens_details: { cached_tokens: 10 } });
    expect(body.usage.input_tokens).toBeGreaterThan(300);
    expect((await ask("GET", `${RESPONSES}/${body.id}`)).status).toBe(404);
    expect((await post(COMPACT, "failed")).status).toBe(500);
    expect((await post(COMPACT, "", { previous_response_id: "resp_unknown" })).status).toBe(400);
  });

  it("counts the input of a body as the response would", async () => {
    const first = await json(post(RESPONSES, "output=300"));
    const question = { previous_response_id: first.id, input: "How much?" };
    const counted = await json<{ object: string; input_tokens: number }>(post(COUNT, "", question));
    const answered = await json(post(RESPONSES, "", question));
    expect(counted).toEqual({ object: "response.input_tokens", input_tokens: answered.usage.input_tokens });
  });
});

describe("the OpenAI SDK", () => {
  it("finds everything where it looks for it", async () => {
    const client = new OpenAI({
      apiKey: KEY,
      baseURL: "http://upstream.test/v1",
      fetch: (url, init) => request(String(url), init),
    });
    const { responses } = client;
    const { id } = await responses.create({ model: "gpt-5.4", input: "Hi", background: true });
    const seen: string[] = [];
    for await (const event of await responses.retrieve(id, { stream: true, starting_after: 0 })) seen.push(event.type);
    expect([seen.at(0), seen.at(-1)]).toEqual(["response.queued", "response.completed"]);
    expect((await responses.retrieve(id)).output_text).toContain("simulated");
    for await (const item of responses.inputItems.list(id)) expect(item.type).toBe("message");
    expect((await responses.inputTokens.count({ model: "gpt-5.4", input: "Hi" })).input_tokens).toBeGreaterThan(0);
    const compacted = await responses.compact({ model: "gpt-5.4", previous_response_id: id });
    expect(compacted.output.at(-1)?.type).toBe("compaction");
    await expect(responses.cancel(id)).rejects.toThrow(OpenAI.BadRequestError);
    await responses.delete(id);
    await expect(responses.retrieve(id)).rejects.toThrow(OpenAI.NotFoundError);
  });
});
