import { describe, expect, it } from "vitest";
import { price } from "../../src/core/rate-card.ts";
import type { Json, JsonObject } from "../../src/protocol/adapter.ts";
import { responsesAdapter } from "../../src/protocol/responses.ts";
import { CODEX_RATE, credits } from "../support/core-fixtures.ts";
import { prepared, refused } from "./wire.ts";

const prepare = (body: JsonObject, rate = {}) => prepared(responsesAdapter, body, rate);
const refuse = (body: JsonObject, rate = {}) => refused(responsesAdapter, body, rate);

/** A first turn as Codex sends it, in short. */
const CODEX_TURN: JsonObject = {
  model: "gpt-5.4",
  input: [
    {
      type: "additional_tools",
      role: "developer",
      tools: [
        { type: "namespace", name: "shell", tools: [{ type: "function", name: "exec", parameters: {} }] },
        { type: "custom", name: "exec" },
        { type: "web_search", external_web_access: true },
      ],
    },
    { type: "message", role: "user", content: [{ type: "input_text", text: "Fix the test" }], id: null },
    { type: "reasoning", encrypted_content: "Zm9v", summary: [] },
    { type: "function_call", call_id: "c1", name: "exec", arguments: "{}" },
    {
      type: "function_call_output",
      call_id: "c1",
      output: [{ type: "input_image", image_url: "data:image/png;base64,AAAA" }],
    },
    { type: "compaction", encrypted_content: "YmFy" },
  ],
  tool_choice: "auto",
  parallel_tool_calls: true,
  reasoning: { effort: "medium", context: "all_turns" },
  store: false,
  stream: true,
  include: ["reasoning.encrypted_content"],
  prompt_cache_key: "k",
  service_tier: "priority",
  client_metadata: { turn_id: "t" },
};

const UNCHANGED = { model: "gpt-5.4", maxOutputTokens: null };

describe("a request of Codex", () => {
  it("passes untouched, in the order in which it was written", () => {
    const request = prepare(CODEX_TURN);
    expect(request.body(UNCHANGED)).toBe(JSON.stringify(CODEX_TURN));
    expect(request).toMatchObject({
      model: "gpt-5.4",
      stream: true,
      openOutput: true,
      path: "/responses",
    });
  });

  it("is priced at its worst: the tier it asks for, a search, all output, and all input written to the cache", () => {
    const { bound } = prepare(CODEX_TURN);
    expect(bound).toMatchObject({ outputTokens: 128_000, serviceTier: "priority", calls: { web_search: 1 } });
    expect(bound.inputTokens).toBeGreaterThan(2_000);
    expect(bound.cacheWriteTokens).toBe(bound.inputTokens);
    expect(price(CODEX_RATE, bound)).toBeGreaterThan(credits(96));
  });

  it("is clamped where the plan clamps, although it never sets a bound", () => {
    expect(JSON.parse(prepare(CODEX_TURN).body({ ...UNCHANGED, maxOutputTokens: 500 }))).toEqual({
      ...CODEX_TURN,
      max_output_tokens: 500,
    });
  });
});

describe("the output bound", () => {
  it.each<[Json, number, boolean]>([
    [100, 100, false],
    [128_000, 128_000, false],
    [1_000_000, 128_000, false],
    [null, 128_000, true],
  ])("max_output_tokens %j reserves %i", (value, outputTokens, openOutput) => {
    const request = prepare({ input: "x", max_output_tokens: value });
    expect(request.bound.outputTokens).toBe(outputTokens);
    expect(request.openOutput).toBe(openOutput);
  });

  it.each<Json>([JSON.parse("1e309"), -1, 0, 1.5, "100", Number.MAX_SAFE_INTEGER + 1, true, [], {}])(
    "%j is refused",
    (value) => {
      expect(refuse({ input: "x", max_output_tokens: value })).toMatchObject({
        status: 400,
        param: "max_output_tokens",
      });
    },
  );
});

describe("what has no price is refused before the call", () => {
  it.each<Json>(["gpt-5.4 ", "gpt‑5.4", "../admin", "GPT-5.4", "__proto__", "x".repeat(5_000)])(
    "the model %j",
    (model) => {
      const fault = refuse({ model, input: "x" });
      expect(fault).toMatchObject({
        status: 400,
        type: "invalid_request_error",
        code: "model_not_found",
        param: "model",
      });
      expect(fault.message.length).toBeLessThan(200);
    },
  );

  it.each<Json>([null, "", 5, ["gpt-5.4"], {}])("%j, which is no model", (model) => {
    expect(refuse({ model, input: "x" })).toMatchObject({ status: 400, code: "invalid_value", param: "model" });
  });

  it("a model that is not priced by tokens", () => {
    expect(refuse({ input: "x" }, { tokens: null })).toMatchObject({
      status: 400,
      code: "model_not_found",
      message: "This model answers no text: it has no price for tokens.",
    });
  });

  it.each<[Json, string | null]>([
    ["default", null],
    ["auto", null],
    [null, null],
    ["flex", "flex"],
  ])("the service tier %j is priced", (tier, expected) => {
    expect(prepare({ input: "x", service_tier: tier }).bound.serviceTier).toBe(expected);
  });

  it.each<[Json, string]>([
    ["ultrafast", "unsupported_parameter"],
    ["toString", "unsupported_parameter"],
    [2, "invalid_value"],
  ])("the service tier %j is not", (tier, code) => {
    expect(refuse({ input: "x", service_tier: tier })).toMatchObject({ status: 400, code, param: "service_tier" });
  });

  it.each<Json>(["yes", 1, {}])("stream %j", (stream) => {
    expect(refuse({ input: "x", stream })).toMatchObject({ status: 400, param: "stream" });
  });
});

describe("what would escape metering or ownership is refused", () => {
  const file = (part: JsonObject): JsonObject => ({ input: [{ role: "user", content: [part] }] });

  it.each<[string, JsonObject]>([
    ["background", { background: true, store: false }],
    ["conversation", { conversation: { id: "conv_1" } }],
    ["prompt", { prompt: { id: "pmpt_1" } }],
    ["n", { n: 2 }],
    ["input[0].content[0].file_id", file({ type: "input_file", file_id: "file-1" })],
    ["input[0].content[0].file_id", file({ type: "input_image", file_id: "file-1" })],
    ["input[0].content[0].file_url", file({ type: "input_file", file_url: "https://example.com/a.pdf" })],
    ["input[0].content[0].type", file({ type: "input_audio", input_audio: { data: "AAAA", format: "wav" } })],
    ["tools[0].container", { tools: [{ type: "code_interpreter", container: "cntr_1" }] }],
    [
      "tools[0].input_image_mask.file_id",
      { tools: [{ type: "image_generation", input_image_mask: { file_id: "file-1" } }] },
    ],
    [
      "tools[0].container",
      { tools: [{ type: "code_interpreter", container: { type: "auto", file_ids: ["file-1"] } }] },
    ],
    [
      "tools[0].container",
      { tools: [{ type: "shell", environment: { type: "container_reference", container_id: "c" } }] },
    ],
  ])("%s: %j", (param, body) => {
    expect(refuse(body)).toMatchObject({ status: 400, code: "unsupported_parameter", param });
  });

  it("what it names of earlier responses is told, so that its owner can be asked", () => {
    const input: Json = [{ type: "item_reference", id: "msg_1" }, { role: "user", content: "x" }, { id: "rs_2" }];
    expect(prepare({ input, previous_response_id: "resp_1" }).references).toEqual({
      previousResponse: "resp_1",
      items: ["msg_1", "rs_2"],
    });
  });

  it("reasoning that is not in its item is named by its id", () => {
    const hidden: Json[] = [
      { type: "reasoning", id: "rs_1", summary: [] },
      { type: "reasoning", id: "rs_2", summary: [{ type: "summary_text", text: "x" }], encrypted_content: null },
      { type: "reasoning", id: "rs_3", summary: [], encrypted_content: "", content: [] },
    ];
    const said: Json[] = [
      { type: "reasoning", id: "rs_4", summary: [], encrypted_content: "Zm9v" },
      { type: "reasoning", id: "rs_5", summary: [], content: [{ type: "reasoning_text", text: "x" }] },
      { type: "reasoning", id: null, summary: [] },
      { type: "reasoning", summary: [] },
    ];
    expect(prepare({ input: [...hidden, ...said] }).references.items).toEqual(["rs_1", "rs_2", "rs_3"]);
  });

  it("the same members pass when they are not set", () => {
    const body: JsonObject = {
      background: false,
      previous_response_id: null,
      conversation: null,
      prompt: null,
      store: true,
    };
    expect(JSON.parse(prepare(body).body(UNCHANGED))).toEqual({ model: "gpt-5.4", ...body });
  });
});

describe("hosted tools are paid for by the call", () => {
  it.each<[string, JsonObject, Record<string, number>]>([
    ["a search of any version", { tools: [{ type: "web_search_preview_2025_03_11" }] }, { web_search: 1 }],
    [
      "two of them",
      { tools: [{ type: "web_search" }, { type: "code_interpreter", container: { type: "auto" } }] },
      { web_search: 1, code_interpreter: 1 },
    ],
    ["a limit of calls", { tools: [{ type: "web_search" }], max_tool_calls: 7 }, { web_search: 7 }],
    [
      "a limit shared by two counts for the dearer",
      { tools: [{ type: "code_interpreter" }, { type: "web_search" }], max_tool_calls: 7 },
      { web_search: 7, code_interpreter: 0 },
    ],
    ["a limit without such tools", { tools: [{ type: "function", name: "f" }], max_tool_calls: 7 }, {}],
    ["one inside a namespace", { tools: [{ type: "namespace", tools: [{ type: "web_search" }] }] }, { web_search: 1 }],
    [
      "one added by an item",
      { input: [{ type: "additional_tools", tools: [{ type: "web_search" }] }] },
      { web_search: 1 },
    ],
  ])("%s", (_, body, calls) => {
    expect(prepare(body).bound.calls).toEqual(calls);
  });

  it.each(["function", "custom", "namespace", "local_shell", "shell", "apply_patch", "mcp", "tool_search"])(
    "%s is free",
    (type) => {
      expect(prepare({ tools: [{ type }] }).bound.calls).toEqual({});
    },
  );

  it.each<[string, JsonObject]>([
    ["tools[0].type", { tools: [{ type: "file_search", vector_store_ids: ["vs_1"] }] }],
    ["tools[0].type", { tools: [{ type: "image_generation" }] }],
    ["tools[0].type", { tools: [{ type: "computer_use_preview" }] }],
    ["tools[1].type", { tools: [{ type: "function" }, { type: "quantum_search" }] }],
    ["tools[0].type", { tools: [{ type: "constructor" }] }],
    ["tools[0].type", { tools: [{ type: "shell", environment: { type: "container_auto" } }] }],
    ["tools[0].tools[0].type", { tools: [{ type: "namespace", tools: [{ type: "file_search" }] }] }],
    [
      "input[1].tools[0].type",
      {
        input: [
          { role: "user", content: "x" },
          { type: "additional_tools", tools: [{ type: "file_search" }] },
        ],
      },
    ],
  ])("%s without a price is refused: %j", (param, body) => {
    expect(refuse(body)).toMatchObject({ status: 400, code: "unsupported_parameter", param });
  });

  it("pricing a tool allows it, if only at nothing", () => {
    const perCall = { quantum_search: 0, file_search: credits(0.1) };
    const body: JsonObject = { tools: [{ type: "quantum_search" }, { type: "file_search" }] };
    expect(prepare(body, { perCall }).bound.calls).toEqual({ quantum_search: 1, file_search: 1 });
  });

  it.each<[string, JsonObject]>([
    ["tools[0].type", { tools: ["web_search"] }],
    ["tools[0].type", { tools: [{ name: "f" }] }],
    ["max_tool_calls", { max_tool_calls: -1 }],
    ["max_tool_calls", { max_tool_calls: 9e15 }],
    ["max_tool_calls", { max_tool_calls: "3" }],
  ])("%s that cannot be read is refused: %j", (param, body) => {
    expect(refuse(body)).toMatchObject({ status: 400, code: "invalid_value", param });
  });
});

describe("a whole answer", () => {
  const request = prepare({ input: "x", tools: [{ type: "web_search" }] });

  it("is read with its calls and its tier", () => {
    const answer = {
      id: "resp_1",
      status: "completed",
      service_tier: "priority",
      output: [
        { type: "web_search_call", status: "completed", action: { type: "search", query: "q" } },
        { type: "web_search_call", status: "completed", action: { type: "open_page", url: "u" } },
        { type: "web_search_call", status: "failed", action: { type: "search", query: "q" } },
        { type: "file_search_call", status: "completed" },
        { type: "message", content: [{ type: "output_text", text: "Hello there" }] },
      ],
      usage: { input_tokens: 10, output_tokens: 5 },
    };
    expect(request.read(JSON.stringify(answer))).toMatchObject({
      end: "completed",
      usage: { inputTokens: 10, outputTokens: 5, calls: { web_search: 1 }, serviceTier: "priority" },
      invalid: null,
      counted: { outputTokens: 2, calls: { web_search: 1 } },
      produced: true,
      answerId: "resp_1",
    });
  });

  it.each<[string, string, object]>([
    [
      "failed, with nothing produced",
      '{"status":"failed","output":[],"usage":null}',
      { end: "failed", produced: false, usage: null },
    ],
    [
      "incomplete",
      '{"status":"incomplete","output":[{}],"usage":{"input_tokens":1,"output_tokens":2}}',
      { end: "incomplete" },
    ],
    ["still queued", '{"status":"queued","output":[]}', { end: "open", produced: false }],
    [
      "without a status",
      '{"output":[{}],"usage":{"input_tokens":1,"output_tokens":2}}',
      { end: "completed", usage: { outputTokens: 2 } },
    ],
    ["with a status out of nowhere", '{"status":"constructor","output":[]}', { end: "open" }],
    [
      "with usage that cannot be true",
      '{"status":"completed","output":[{}],"usage":{"input_tokens":-1,"output_tokens":2}}',
      { usage: null, invalid: "a count is not a whole number" },
    ],
    ["that is not JSON", "<html>", { end: "open", usage: null, produced: false }],
    ["that is empty", "", { end: "open", produced: false }],
    [
      "nested without end",
      `{"status":"completed","output":[${"[".repeat(50_000)}${"]".repeat(50_000)}]}`,
      { end: "completed", usage: null },
    ],
  ])("%s", (_, answer, reading) => {
    expect(request.read(answer)).toMatchObject(reading);
  });
});
