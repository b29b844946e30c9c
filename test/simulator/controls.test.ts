import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  CHAT,
  type ChatBody,
  chunks,
  deltas,
  events,
  eventsIn,
  freshSimulator,
  json,
  KEY,
  lastRequest,
  post,
  RESPONSES,
  type ResponseEvent,
  types,
} from "./client.ts";

beforeEach(freshSimulator);
afterEach(() => void vi.useRealTimers());

describe("controls of numbers", () => {
  it("reports the usage that was asked for", async () => {
    const controls = "input=2000;cached=1000;cache_write=200;output=300;reasoning=100";
    const list = await events(post(RESPONSES, controls, { stream: true }));
    expect(deltas(list)).toHaveLength(200);
    expect(list.at(-1)?.response.usage).toEqual({
      input_tokens: 2000,
      input_tokens_details: { cached_tokens: 1000, cache_write_tokens: 200 },
      output_tokens: 300,
      output_tokens_details: { reasoning_tokens: 100 },
      total_tokens: 2300,
    });
    const chat = await json<ChatBody>(post(CHAT, controls));
    expect(chat.usage).toMatchObject({ prompt_tokens: 2000, completion_tokens: 300, total_tokens: 2300 });
    expect(chat.usage.completion_tokens_details).toMatchObject({ reasoning_tokens: 100 });
  });

  it("estimates input at about four characters per token", async () => {
    const short = (await json(post(RESPONSES, "", { input: "" }))).usage.input_tokens;
    const long = (await json(post(RESPONSES, "", { input: "x".repeat(4000) }))).usage.input_tokens;
    expect(long - short).toBe(1000);
  });

  it("spoils usage in the ways a gateway must survive", async () => {
    const usage = async (controls: string) => (await json(post(RESPONSES, controls))).usage;
    expect(await usage("no_usage")).toBeUndefined();
    expect(await usage("usage=broken")).toMatchObject({ input_tokens: -5, output_tokens: "many" });
    expect(await usage("usage=huge")).toMatchObject({ output_tokens: 1e18 });
    const partial = await usage("usage=partial");
    expect(partial).not.toHaveProperty("total_tokens");
    expect(partial.input_tokens_details).not.toHaveProperty("cached_tokens");

    const asked = { stream: true, stream_options: { include_usage: true } };
    expect((await events(post(CHAT, "no_usage", asked))).at(-1)).not.toMatchObject({ choices: [] });
    expect((await json(post(CHAT, "usage=broken"))).usage).toMatchObject({ prompt_tokens: -5 });
    expect((await json(post(CHAT, "usage=partial"))).usage).not.toHaveProperty("total_tokens");
  });

  it("leaves out single fields of usage", async () => {
    const usage = async (shape: string) => (await json(post(RESPONSES, `usage=${shape}`))).usage;
    expect(await usage("no_total")).not.toHaveProperty("total_tokens");
    expect((await usage("no_total")).input_tokens_details).toHaveProperty("cached_tokens");
    expect((await usage("no_cached")).input_tokens_details).toEqual({ cache_write_tokens: 0 });
    expect((await usage("no_reasoning")).output_tokens_details).toEqual({});
    expect(await usage("no_reasoning")).toHaveProperty("total_tokens");
    const chat = await json<ChatBody>(post(CHAT, "usage=no_reasoning"));
    expect(chat.usage.completion_tokens_details).not.toHaveProperty("reasoning_tokens");
  });

  it("answers with another service tier than asked", async () => {
    const body = { service_tier: "flex" };
    expect(await json(post(RESPONSES, "tier=priority", body))).toMatchObject({ service_tier: "priority" });
    expect(await json(post(CHAT, "tier=priority", body))).toMatchObject({ service_tier: "priority" });
  });
});

describe("controls of output items", () => {
  it("calls functions after the text, or in its place", async () => {
    const body = await json(post(RESPONSES, "output=2;calls=shell,read_file"));
    expect(body.output.map((item) => item.name ?? item.type)).toEqual(["message", "shell", "read_file"]);
    const bare = await json(post(RESPONSES, "output=0;calls=shell"));
    expect(bare.output).toMatchObject([{ type: "function_call", name: "shell", arguments: "{}" }]);
  });

  it("searches the web before the text", async () => {
    const list = await events(post(RESPONSES, "output=1;searches=2;calls=shell", { stream: true }));
    const done = list.filter((event) => event.type === "response.output_item.done");
    expect(done.map((event) => event.item.type)).toEqual([
      "web_search_call",
      "web_search_call",
      "message",
      "function_call",
    ]);
    expect(list.map((event) => event.sequence_number)).toEqual([...list.keys()]);
    expect(list.at(-1)?.response.output.map((item) => item.type)).toEqual(done.map((event) => event.item.type));
    const indexes = list.flatMap((event) => ("output_index" in event ? [event.output_index] : []));
    expect(new Set(indexes)).toEqual(new Set([0, 1, 2, 3]));
  });
});

describe("controls of refusals", () => {
  it("answers any HTTP error in OpenAI's shape, with retry-after and code as asked", async () => {
    const response = await post(RESPONSES, "status=429;retry_after=7;code=insufficient_quota");
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("7");
    expect((await json(response)).error).toMatchObject({ type: "rate_limit_error", code: "insufficient_quota" });
    expect((await json(post(RESPONSES, "status=503"))).error.code).toBe("server_is_overloaded");
    expect((await json(post(RESPONSES, "status=418"))).error.type).toBe("invalid_request_error");
  });

  it("leaks a part of the key, never the whole", async () => {
    const response = await post(RESPONSES, "leak_key");
    expect(response.status).toBe(401);
    const { message } = (await json(response)).error;
    expect(message).toContain(KEY.slice(0, 8));
    expect(message).toContain(KEY.slice(-4));
    expect(message).not.toContain(KEY);
  });

  it("redirects to another host, or where it is told", async () => {
    const response = await post(RESPONSES, "redirect");
    expect(response.status).toBe(302);
    expect(response.headers.get("location")).toMatch(/^https:\/\/elsewhere\.invalid\//);
    const told = await post(RESPONSES, "redirect=http://127.0.0.1:9/x");
    expect(told.headers.get("location")).toBe("http://127.0.0.1:9/x");
  });

  it("hangs until the caller gives up, and notes it", async () => {
    const response = post(RESPONSES, "hang", {}, { signal: AbortSignal.timeout(40) });
    await response.catch(() => undefined);
    expect(await lastRequest()).toMatchObject({ ending: "cancelled" });
  });
});

describe("controls of time and of the end of a stream", () => {
  const stream = { stream: true };

  it("delays the first byte and paces the deltas", async () => {
    const startedAt = performance.now();
    const response = await post(RESPONSES, "pace=20;first=50;output=4", stream);
    expect(performance.now() - startedAt).toBeGreaterThan(45);
    await response.text();
    expect(performance.now() - startedAt).toBeGreaterThan(45 + 50);
  });

  it("thinks after the first events, and before the first delta", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const response = await post(RESPONSES, "think=60;output=2", stream);
    const reader = response.body?.getReader();
    const first = new TextDecoder().decode((await reader?.read())?.value);
    expect(types(eventsIn(first))[0]).toBe("response.created");
    let came = false;
    const second = reader?.read().finally(() => {
      came = true;
    });
    // The silence begins when the simulator asks for a timer, and lasts as long as this test lets it.
    while (vi.getTimerCount() === 0) await new Promise(setImmediate);
    await vi.advanceTimersByTimeAsync(59);
    await new Promise(setImmediate);
    expect(came).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(deltas(eventsIn(new TextDecoder().decode((await second)?.value)))).toHaveLength(1);
    await reader?.cancel();
  });

  it("writes a burst as one chunk", async () => {
    const { parts } = await chunks(await post(RESPONSES, "burst=50", stream));
    expect(parts.map((part) => deltas(eventsIn(part)).length)).toEqual([0, 50, 0]);
  });

  it("goes silent after N deltas and stays so", async () => {
    const response = await post(RESPONSES, "stall_after=2", stream);
    const reader = response.body?.getReader();
    const parts: ResponseEvent[] = [];
    for (let i = 0; i < 3; i++) parts.push(...eventsIn(new TextDecoder().decode((await reader?.read())?.value)));
    expect(deltas(parts)).toHaveLength(2);
    const more = reader?.read().then(() => "more");
    const silence = new Promise((resolve) => setTimeout(resolve, 60, "silence"));
    expect(await Promise.race([more, silence])).toBe("silence");
    await reader?.cancel();
    expect(await lastRequest()).toMatchObject({ ending: "cancelled" });
  });

  it("breaks the connection after N deltas", async () => {
    const { parts, broke } = await chunks(await post(RESPONSES, "output=9;cut_after=3", stream));
    expect(broke).toBe(true);
    expect(deltas(eventsIn(parts.join("")))).toHaveLength(3);
    expect(await lastRequest()).toMatchObject({ ending: "broken" });
  });

  it("ends cleanly after N deltas without a terminal event", async () => {
    const list = await events(post(RESPONSES, "output=9;eof_after=3", stream));
    expect(list.at(-1)?.type).toBe("response.output_text.delta");
    expect(deltas(list)).toHaveLength(3);
    expect(await (await post(CHAT, "output=9;eof_after=3", stream)).text()).not.toContain("[DONE]");
  });

  it("interrupts a JSON answer in the middle of its text", async () => {
    expect((await chunks(await post(RESPONSES, "cut_after=1"))).broke).toBe(true);
    for (const controls of ["eof_after=1", "malformed"]) {
      await expect(json(post(RESPONSES, controls))).rejects.toThrow(SyntaxError);
    }
  });

  it("fails with usage, or without", async () => {
    const failed = (await events(post(RESPONSES, "output=5;failed", stream))).at(-1);
    expect(failed?.type).toBe("response.failed");
    expect(failed?.response).toMatchObject({ status: "failed", error: { code: "server_error" } });
    expect(failed?.response.usage.output_tokens).toBe(5);
    const bare = (await events(post(RESPONSES, "failed_no_usage;code=rate_limit_exceeded", stream))).at(-1);
    expect(bare?.response).not.toHaveProperty("usage");
    expect(bare?.response.error.code).toBe("rate_limit_exceeded");
    expect(await json(post(RESPONSES, "failed"))).toMatchObject({ status: "failed" });
  });

  it("ends incomplete for the reason that is asked for", async () => {
    const plain = (await events(post(RESPONSES, "incomplete", stream))).at(-1);
    expect(plain?.response.incomplete_details).toEqual({ reason: "max_output_tokens" });
    const filtered = await json<ChatBody>(post(CHAT, "incomplete=content_filter"));
    expect(filtered.choices[0]?.finish_reason).toBe("content_filter");
  });

  it("slips in a line that is not JSON, and goes on", async () => {
    const text = await (await post(RESPONSES, "output=4;malformed", stream)).text();
    expect(() => eventsIn(text)).toThrow(SyntaxError);
    expect(text.split("event: response.output_text.delta")).toHaveLength(5);
    expect(text).toContain("event: response.completed");
  });

  it("slips in one data line of exactly N bytes", async () => {
    const text = await (await post(RESPONSES, "output=4;big_line=200000", stream)).text();
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBe(200_000);
    expect(types(eventsIn(text))).toContain("simulated.padding");
  });
});

describe("where controls come from", () => {
  const metadata = (simulate: string) => ({ metadata: { simulate } });

  it("reads metadata, for gateways that drop headers", async () => {
    const body = await json(post(RESPONSES, "", metadata("output=6")));
    expect(body.usage.output_tokens).toBe(6);
    expect(body.metadata).toEqual({ simulate: "output=6" });
  });

  it("lets the header overrule metadata, and metadata the variable, control by control", async () => {
    const env = { SIMULATE: "output=5;input=50;cached=9" };
    const { usage } = await json(post(RESPONSES, "output=7", metadata("output=6;input=60"), { env }));
    expect(usage).toMatchObject({ output_tokens: 7, input_tokens: 60, input_tokens_details: { cached_tokens: 9 } });
  });

  it("keeps a control with a host for that host alone", async () => {
    const controls = { headers: { "x-simulate": "second.test/status=503;output=3" } };
    expect((await post(`http://second.test${RESPONSES}`, "", {}, controls)).status).toBe(503);
    const body = await json(post(`http://upstream.test${RESPONSES}`, "", {}, controls));
    expect(body.usage.output_tokens).toBe(3);
    expect((await post(RESPONSES, "second.test/outptu=3")).status).toBe(400);
  });

  it("forgets weaker controls at none", async () => {
    const env = { SIMULATE: "status=500;cached=9" };
    expect((await post(RESPONSES, "", {}, { env })).status).toBe(500);
    const body = await json(post(RESPONSES, "pace=0;none;output=2", {}, { env }));
    expect(body.usage).toMatchObject({ output_tokens: 2, input_tokens_details: { cached_tokens: 0 } });
  });

  it.each([
    "outptu=3",
    "output",
    "output=-1",
    "output=1e3",
    "status=200",
    "hang=1",
    "usage=odd",
    "toString",
    "big_line=1",
    "calls=a b",
    "ws_close=999",
    "think",
    "second.test/",
  ])("refuses the mistyped control %s instead of ignoring it", async (control) => {
    const response = await post(RESPONSES, control);
    expect(response.status).toBe(400);
    expect((await json(response)).error.code).toBe("invalid_control");
  });
});
