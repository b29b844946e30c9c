import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  accountOf,
  ask,
  asOperator,
  bearer,
  CANARY,
  CHAT,
  call,
  confirmedReceipt,
  endedReceipt,
  forgetUpstream,
  grant,
  look,
  newAccount,
  openGateway,
  putPlan,
  RESPONSES,
  receiptOf,
  requestIdOf,
  send,
  stubOf,
  type TestAccount,
  upstream,
  withoutUpstreamCall,
} from "../support/gateway.ts";
import { CREDITS_PLAN, includedPlan } from "../support/offer.ts";
import { readStream, StreamReader } from "../support/stream.ts";
import type { BalanceRow, ErrorBody, MonetizationRow, Page, UsageEventRow } from "../support/wire.ts";

beforeAll(openGateway);
afterEach(() => {
  vi.restoreAllMocks();
});

const PROMPT = { model: "gpt-5.4", input: "Why does a dam have a spillway?" };
const CHAT_PROMPT = { model: "gpt-5.4", messages: [{ role: "user", content: "Why does a dam have a spillway?" }] };

/** Puts fixed bytes in the place of the upstream's answer. */
function upstreamSays(chunks: readonly Uint8Array[], contentType = "text/event-stream"): void {
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
    const { readable, writable } = new IdentityTransformStream();
    void writeAll(writable, chunks);
    return new Response(readable, { headers: { "content-type": contentType } });
  });
}

async function writeAll(to: WritableStream<Uint8Array>, chunks: readonly Uint8Array[]): Promise<void> {
  const writer = to.getWriter();
  for (const chunk of chunks) await writer.write(chunk);
  await writer.close();
}

async function bytesOf(response: Response): Promise<string> {
  return new Uint8Array(await response.arrayBuffer()).toBase64();
}

describe("the answer", () => {
  test("a response in JSON is answered whole, and its receipt is settled before the client has it", async () => {
    const account = await newAccount({ credits: "20" });
    const response = await ask(account, PROMPT, { simulate: "input=1000;output=30" });
    expect(response.status).toBe(200);
    const body = await response.json<{ object: string; usage: object }>();
    expect(body).toMatchObject({ object: "response", usage: { input_tokens: 1_000, output_tokens: 30 } });
    const receipt = await receiptOf(account, requestIdOf(response));
    expect(receipt).toMatchObject({
      reservation: { state: "settled" },
      usage: { input_tokens: 1_000, output_tokens: 30, outcome: "completed", estimated: false },
      charge: { amount: "1.300000", overshoot: "0.000000" },
    });
  });

  test("a chat completion in JSON is answered whole and charged by its usage", async () => {
    const account = await newAccount({ credits: "20" });
    const response = await ask(account, CHAT_PROMPT, { route: CHAT, simulate: "input=1000;output=30" });
    expect(await response.json()).toMatchObject({ object: "chat.completion", usage: { prompt_tokens: 1_000 } });
    expect((await receiptOf(account, requestIdOf(response))).charge?.amount).toBe("1.300000");
  });

  test.each([
    ["\n", "text/event-stream; charset=utf-8"],
    ["\r\n", "text/event-stream"],
  ])("the bytes of a stream reach the client unchanged (lines end in %j)", async (eol, type) => {
    const account = await newAccount({ credits: "20" });
    const usage = { input_tokens: 10, output_tokens: 5, total_tokens: 15 };
    const events = [
      ": a comment",
      "event: response.created",
      'data: {"type":"response.created","response":{"id":"resp_1"}}',
      "",
      'data: { "type" : "response.output_text.delta", "delta":"Itaipú – 30 °C 🌊" }',
      "id: 7",
      "",
      `data: ${JSON.stringify({ type: "response.completed", response: { id: "resp_1", output: [], usage } })}`,
      "",
      "",
    ].join(eol);
    const bytes = new TextEncoder().encode(events);
    // Cut in the middle of characters and of line ends.
    const chunks = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, index) =>
      bytes.slice(index * 7, index * 7 + 7),
    );
    upstreamSays(chunks, type);
    const response = await ask(account, { ...PROMPT, stream: true });
    expect(response.headers.get("content-type")).toBe(type);
    expect(await bytesOf(response)).toBe(bytes.toBase64());
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt.usage).toMatchObject({ input_tokens: 10, output_tokens: 5, estimated: false });
  });

  test("a stream of events comes as upstream sends it and is settled after its end", async () => {
    const account = await newAccount({ credits: "20" });
    const response = await ask(account, { ...PROMPT, stream: true }, { simulate: "input=1000;output=8;pace=5" });
    const { text, broken } = await readStream(response);
    expect(broken).toBe(false);
    expect(text.match(/^event: response\.output_text\.delta$/gm)).toHaveLength(8);
    expect(text).toContain("event: response.completed");
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt.charge?.amount).toBe("1.080000");
  });

  test("a chat stream is metered although its client did not ask for usage, and shows none", async () => {
    const account = await newAccount({ credits: "20" });
    await forgetUpstream();
    const body = { ...CHAT_PROMPT, stream: true, stream_options: { include_usage: false } };
    const response = await ask(account, body, { route: CHAT, simulate: "input=1000;output=5;pace=1" });
    const { text } = await readStream(response);
    expect(text).not.toContain('"choices":[]');
    expect(text).not.toContain("prompt_tokens");
    expect(text).toContain("data: [DONE]");
    expect((await upstream()).requests[0]?.fields.stream_options).toBe('{"include_usage":true}');
    expect((await endedReceipt(account, requestIdOf(response))).charge?.amount).toBe("1.050000");
  });

  test("a chat client that asks for usage sees it", async () => {
    const account = await newAccount({ credits: "20" });
    const body = { ...CHAT_PROMPT, stream: true, stream_options: { include_usage: true } };
    const response = await ask(account, body, { route: CHAT, simulate: "input=1000;output=5;pace=1" });
    expect((await readStream(response)).text).toContain('"prompt_tokens":1000');
  });

  test("upstream reads exactly what was priced, with fields that Spillway does not know", async () => {
    const account = await newAccount({ credits: "20" });
    await forgetUpstream();
    await ask(account, { ...PROMPT, max_output_tokens: 5, text: { verbosity: "low" }, brand_new: "field" });
    expect((await upstream()).requests[0]?.fields).toEqual({
      ...PROMPT,
      max_output_tokens: 5,
      text: '{"verbosity":"low"}',
      brand_new: "field",
    });
  });
});

describe("the receipt", () => {
  test("a request is pending while it runs, with its credits reserved, and settled after it", async () => {
    const account = await newAccount({ credits: "10" });
    const body = { model: "flat-1", input: "x", max_output_tokens: 30, stream: true };
    const response = await ask(account, body, { simulate: "output=6;pace=300" });
    const stream = new StreamReader(response);
    await stream.until("output_text.delta");
    const pending = await receiptOf(account, requestIdOf(response));
    expect(pending).toMatchObject({
      reservation: { state: "pending", estimated: "3.000000" },
      usage: null,
      charge: null,
      ledger: null,
    });
    expect(pending.sentence).toContain("3.00 credits are reserved");
    expect((await accountOf(account)).credits).toEqual({
      available: "7.000000",
      reserved: "3.000000",
      used: "0.000000",
    });
    await stream.rest();
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt).toMatchObject({
      reservation: { state: "settled" },
      charge: { amount: "0.600000", returned: "2.400000" },
    });
    expect((await accountOf(account)).credits).toEqual({
      available: "9.400000",
      reserved: "0.000000",
      used: "0.600000",
    });
  });

  test("three datasets hold the request after the pipeline, and their rows are those of the receipt", async () => {
    const account = await newAccount({ credits: "10" });
    const response = await ask(account, { model: "flat-1", input: "x", max_output_tokens: 20 });
    const { ledger, charge } = await confirmedReceipt(account, requestIdOf(response));
    expect(charge?.amount).toBe("2.000000");
    const admin = `/admin/accounts/${account.id}`;
    const usage = await asOperator<Page<UsageEventRow>>("GET", `${admin}/usage-events`);
    const money = await asOperator<Page<MonetizationRow>>("GET", `${admin}/monetization-events`);
    const updates = await asOperator<Page<BalanceRow>>("GET", `${admin}/balance-updates`);
    expect(usage.data.map(({ id }) => id)).toEqual([ledger?.usage_event]);
    expect(money.data).toMatchObject([{ id: ledger?.monetization_event, amount: "2.000000" }]);
    expect(updates.data.map(({ seq, kind, delta, balance_after }) => [seq, kind, delta, balance_after])).toEqual([
      [2, "debit", "-2.000000", "8.000000"],
      [1, "grant", "10.000000", "10.000000"],
    ]);
    expect(updates.data[0]?.id).toBe(ledger?.balance_updates[0]);
    const own = await look<Page<BalanceRow>>(account, "/api/ledger");
    expect(own.data).toEqual(updates.data);
    const usageTotal = await look<Page<{ requests: number; charge: string }>>(account, "/api/usage?group_by=model");
    expect(usageTotal.data).toMatchObject([{ requests: 1, charge: "2.000000" }]);
  });

  test("an old request keeps its receipt when the object has forgotten it", async () => {
    const account = await newAccount({ credits: "10" });
    const response = await ask(
      account,
      { model: "flat-1", input: "x", max_output_tokens: 20 },
      { simulate: "output=5" },
    );
    const before = await confirmedReceipt(account, requestIdOf(response));
    await runInDurableObject(stubOf(account), (_, state) => {
      state.storage.sql.exec("DELETE FROM ended_reservations");
    });
    expect(await receiptOf(account, requestIdOf(response))).toEqual(before);
  });

  test("one request is paid by included use, promotional and paid credits; what is left returns from the tail", async () => {
    await putPlan("three-sources", includedPlan("1", "20"));
    const account = await newAccount({ plan: "three-sources" });
    const paid = await grant(account, "5");
    const promotional = await grant(account, "1", { kind: "promotional" });
    const body = { model: "flat-1", input: "x", max_output_tokens: 30 };
    const response = await ask(account, body, { simulate: "output=15" });
    expect(response.headers.get("spillway-decision")).toBe("allow; allowance=1.000000; grant=2.000000");
    const receipt = await receiptOf(account, requestIdOf(response));
    expect(receipt.reservation.draws).toEqual([
      { source: "included", kind: "allowance", amount: "1.000000" },
      { source: promotional.id, kind: "grant", amount: "1.000000" },
      { source: paid.id, kind: "grant", amount: "1.000000" },
    ]);
    expect(receipt.charge).toMatchObject({
      amount: "1.500000",
      posted: [
        { source: "included", kind: "allowance", amount: "1.000000" },
        { source: promotional.id, kind: "grant", amount: "0.500000" },
      ],
      returned: "1.500000",
      overshoot: "0.000000",
    });
    const after = await accountOf(account);
    expect(after.credits).toEqual({ available: "5.500000", reserved: "0.000000", used: "0.500000" });
    expect(after.allowances[0]?.windows.map(({ used, remaining }) => [used, remaining])).toEqual([
      ["1.000000", "0.000000"],
      ["1.000000", "19.000000"],
    ]);
    expect(after.grants.map(({ id, remaining }) => [id, remaining])).toEqual([
      [promotional.id, "0.500000"],
      [paid.id, "5.000000"],
    ]);
  });

  test("a grant pays for its features only, and not before it is effective", async () => {
    const account = await newAccount();
    await grant(account, "5", { features: ["sora"] });
    await grant(account, "5", { effective_at: new Date(Date.now() + 3_600_000).toISOString() });
    const response = await ask(account, { model: "flat-1", input: "x", max_output_tokens: 10 });
    expect(response.status).toBe(429);
  });
});

describe("the price", () => {
  // C18
  test("cached tokens are charged at the cached price only, and reasoning is not added to the output", async () => {
    const account = await newAccount({ credits: "20" });
    const simulate = "input=1000;cached=600;output=100;reasoning=40";
    for (const [route, body] of [
      [RESPONSES, PROMPT],
      [CHAT, CHAT_PROMPT],
    ] as const) {
      const response = await ask(account, body, { route, simulate });
      const { usage, charge } = await receiptOf(account, requestIdOf(response));
      expect(usage).toMatchObject({ input_tokens: 1_000, cached_input_tokens: 600, reasoning_tokens: 40 });
      expect(charge?.amount).toBe("1.460000");
    }
  });

  // X15
  test("a dearer service tier is reserved and charged at its own price", async () => {
    const account = await newAccount({ credits: "50" });
    const simulate = "input=1000;output=100";
    const plain = await ask(account, { ...PROMPT, max_output_tokens: 100 }, { simulate });
    const fast = await ask(account, { ...PROMPT, max_output_tokens: 100, service_tier: "priority" }, { simulate });
    const plainReceipt = await receiptOf(account, requestIdOf(plain));
    const fastReceipt = await receiptOf(account, requestIdOf(fast));
    expect(plainReceipt.charge?.amount).toBe("2.000000");
    expect(fastReceipt.charge?.amount).toBe("4.000000");
    expect(Number(fastReceipt.reservation.estimated)).toBeGreaterThan(2 * 0.99);
  });

  test.each([
    ["default", "2.000000"], // what was really used is cheaper
    ["scale", "4.000000"], // has no price, so it is charged as it was quoted
  ])("a request that was served in tier %s instead of the one asked for costs %s", async (tier, amount) => {
    const account = await newAccount({ credits: "50" });
    const body = { ...PROMPT, max_output_tokens: 100, service_tier: "priority" };
    const response = await ask(account, body, { simulate: `input=1000;output=100;tier=${tier}` });
    expect((await receiptOf(account, requestIdOf(response))).charge?.amount).toBe(amount);
  });

  // C19, X9
  test.each([
    ["a model that is not on the rate card", { ...PROMPT, model: "gpt-unknown" }, "model_not_found"],
    ["a model without a price for tokens", { ...PROMPT, model: "sora-2" }, "model_not_found"],
    ["a service tier without a price", { ...PROMPT, service_tier: "scale" }, "unsupported_parameter"],
    ["a tool without a price", { ...PROMPT, tools: [{ type: "code_interpreter" }] }, "unsupported_parameter"],
  ])("%s is refused before the call", async (_, body, code) => {
    const account = await newAccount({ credits: "10" });
    const response = await withoutUpstreamCall(() => ask(account, body));
    expect(response.status).toBe(400);
    expect((await response.json<ErrorBody>()).error).toMatchObject({ code, type: "invalid_request_error" });
    expect((await accountOf(account)).as_of_seq).toBe(1);
  });

  // C19
  test("a model whose price is zero by name is free, even without credits", async () => {
    const account = await newAccount();
    const response = await ask(account, { model: "free-1", input: "x" });
    expect(response.status).toBe(200);
    expect((await receiptOf(account, requestIdOf(response))).charge?.amount).toBe("0.000000");
  });

  test("a model outside of the plan is not found, and the answer says what helps", async () => {
    await putPlan("narrow", { ...CREDITS_PLAN, features: { codex: { models: ["flat-*"] } } });
    const account = await newAccount({ plan: "narrow", credits: "10" });
    const response = await withoutUpstreamCall(() => ask(account, PROMPT));
    expect(response.status).toBe(404);
    expect((await response.json<ErrorBody>()).error).toMatchObject({
      code: "model_not_found",
      spillway: { reason: "model_not_entitled", remedy: "change_plan" },
    });
    const models = await look<{ data: { id: string }[] }>(account, "/v1/models");
    expect(models.data.map(({ id }) => id)).toEqual(["flat-1"]);
    expect((await call("/v1/models/gpt-5.4", { headers: bearer(account.key) })).status).toBe(404);
  });

  // C20
  test("reading costs nothing and works without credits", async () => {
    const account = await newAccount();
    expect((await ask(account, PROMPT)).status).toBe(429);
    const paths = ["/v1/models", "/v1/models/flat-1", "/api/account", "/api/requests", "/api/ledger", "/api/usage"];
    for (const path of [...paths, "/api/ledger.csv"]) {
      expect([path, (await call(path, { headers: bearer(account.key) })).status]).toEqual([path, 200]);
    }
    expect((await accountOf(account)).as_of_seq).toBe(0);
  });
});

/** What the simulated upstream sends of its operator, and any other header that nobody allowed. */
const CLIENT_HEADERS =
  /^(?:content-type|cache-control|openai-processing-ms|openai-version|server-timing|spillway-decision|x-request-id|x-ratelimit-(?:limit|remaining|reset)-(?:requests|tokens)|x-codex-.+)$/;

describe("headers", () => {
  test("a client sees its own limits and nothing of the operator's", async () => {
    const gates = [
      { id: "rpm", unit: "requests", limit: 60, window: { kind: "sliding", period: "1m" } },
      { id: "tpm", unit: "tokens", limit: 5_000, window: { kind: "sliding", period: "1m" } },
    ];
    await putPlan("shown", includedPlan("20", "40", { gates }));
    const account = await newAccount({ plan: "shown", credits: "3" });
    const body = { model: "flat-1", input: "x", max_output_tokens: 50, stream: true };
    const response = await ask(account, body, { simulate: "output=50;pace=5" });
    const names = [...response.headers.keys()];
    expect(names.filter((name) => !CLIENT_HEADERS.test(name))).toEqual([]);
    const headers = Object.fromEntries(response.headers);
    expect(headers).toMatchObject({
      "spillway-decision": "allow; allowance=5.000000",
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "59",
      "x-ratelimit-limit-tokens": "5000",
      "x-codex-primary-used-percent": "25",
      "x-codex-primary-window-minutes": "300",
      "x-codex-secondary-used-percent": "12.5",
      "x-codex-secondary-window-minutes": "10080",
      "x-codex-credits-has-credits": "true",
      "x-codex-credits-unlimited": "false",
      "x-codex-credits-balance": "3.000000",
    });
    expect(headers["server-timing"]).toMatch(/^decision;dur=\d+, upstream;dur=\d+$/);
    expect(headers["x-request-id"]).toMatch(/^req_[0-9a-f]{32}$/);
    // X1: the header and the account speak of the same window.
    const [primary] = (await accountOf(account)).allowances[0]?.windows ?? [];
    const resetsAt = Number(headers["x-codex-primary-reset-at"]) * 1_000;
    expect(resetsAt).toBe(Math.ceil(Date.parse(primary?.resets_at ?? "") / 1_000) * 1_000);
    await readStream(response);
  });

  test("Codex's headers reach upstream; the caller's key, cookies, addresses and organisation do not", async () => {
    const account = await newAccount({ credits: "20" });
    await forgetUpstream();
    const passing = {
      originator: "codex_cli_rs",
      "session-id": "s-1",
      "x-codex-turn-metadata": "{}",
      "openai-beta": "responses=experimental",
      "user-agent": "codex/1",
    };
    const stopping = {
      cookie: "a=b",
      "x-forwarded-for": "203.0.113.9",
      "cf-connecting-ip": "203.0.113.9",
      "openai-organization": "org-caller",
      "x-account-id": "acct_other",
      "x-api-key": "caller",
      connection: "x-api-key",
    };
    const response = await ask(account, PROMPT, { headers: { ...passing, ...stopping } });
    const seen = (await upstream()).requests[0]?.headers ?? {};
    expect(seen).toMatchObject(passing);
    for (const name of Object.keys(stopping)) expect(seen).not.toHaveProperty(name);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(CANARY)));
    expect(seen.authorization).toBe(`Bearer sha256:${digest.toHex().slice(0, 16)}`);
    expect(seen["idempotency-key"]).toBe(requestIdOf(response));
    expect(JSON.stringify(seen)).not.toContain("sk-spill-");
  });

  test.each([
    ["an answer", () => call("/health")],
    ["a missing key", () => send("POST", RESPONSES, PROMPT)],
    ["an unknown route", () => call("/v1/embeddings")],
    ["an unknown page", () => call("/nowhere")],
  ])("%s names its request and its time", async (_, request) => {
    const response = await request();
    expect(requestIdOf(response)).toMatch(/^req_/);
    expect(response.headers.get("server-timing")).toMatch(/dur=/);
    const body = await response.json<Partial<ErrorBody>>();
    if (body.error) expect(body.error.request_id).toBe(requestIdOf(response));
  });

  test("a denial and a refused body name their time as well", async () => {
    const account = await newAccount();
    for (const response of [await ask(account, PROMPT), await ask(account, { ...PROMPT, model: 5 })]) {
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(response.headers.get("server-timing")).toMatch(/^decision;dur=\d+/);
      expect(requestIdOf(response)).toMatch(/^req_/);
    }
  });

  // C15
  test("the operator's upstream key appears in no answer, row or log", async () => {
    const logs = ["log", "warn", "error"].map((level) => vi.spyOn(console, level as "log").mockReturnValue(undefined));
    const account = await newAccount({ credits: "50" });
    const said: string[] = [];
    const simulations = ["output=3", "leak_key", "status=400", "status=403", "status=500", "redirect", "cut_after=1"];
    for (const simulate of simulations) {
      for (const stream of [false, true]) {
        const response = await ask(account, { ...PROMPT, stream }, { simulate });
        said.push(JSON.stringify([...response.headers]), (await readStream(response)).text);
        said.push(JSON.stringify(await endedReceipt(account, requestIdOf(response))));
      }
    }
    const last = await ask(account, PROMPT);
    await confirmedReceipt(account, requestIdOf(last));
    said.push(...(await everyRow(account)));
    said.push(JSON.stringify(logs.map(({ mock }) => mock.calls)));
    const all = said.join("\n");
    expect(all).toContain("resp_");
    expect(all).not.toContain(CANARY.slice(0, 8));
    expect(all).not.toContain(CANARY.slice(-8));
  });
});

/** Everything that is stored of the account and in D1. */
async function everyRow(account: TestAccount): Promise<string[]> {
  const tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'";
  const inObject = await runInDurableObject(stubOf(account), (_, { storage }) =>
    storage.sql
      .exec<{ name: string }>(tables)
      .toArray()
      .map(({ name }) => JSON.stringify(storage.sql.exec(`SELECT * FROM ${name}`).toArray())),
  );
  const { results } = await env.DB.prepare(tables).all<{ name: string }>();
  const inD1 = await Promise.all(
    results.map(async ({ name }) => JSON.stringify((await env.DB.prepare(`SELECT * FROM ${name}`).all()).results)),
  );
  return [...inObject, ...inD1];
}
