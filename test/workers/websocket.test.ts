import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  accountOf,
  ask,
  asOperator,
  CANARY,
  endedReceipt,
  eventually,
  forgetUpstream,
  gatewayWith,
  newAccount,
  newKey,
  openGateway,
  putPlan,
  type TestAccount,
  upstream,
  withoutUpstreamCall,
} from "../support/gateway.ts";
import { CREDITS_PLAN, includedPlan } from "../support/offer.ts";
import { type Answered, type Frame, openSocket, refusal, upgrade } from "../support/socket.ts";
import type { ErrorBody, Journal, Receipt } from "../support/wire.ts";

/** Costs a tenth of a credit per output token; at most one credit. */
const BODY = { model: "flat-1", input: "x", max_output_tokens: 10, store: false };
/** Costs 0.001 credits per input token and 0.01 per output token. */
const COUNTED = { model: "gpt-5.4", input: "x", max_output_tokens: 10, store: false };

let account: TestAccount;

beforeAll(async () => {
  await openGateway();
  account = await newAccount({ credits: "1000" });
});

afterEach(() => {
  vi.useRealTimers();
});

function setUpstream(websocket: "pass" | "bridge" | "refuse", more: object = {}): Promise<unknown> {
  return asOperator("PUT", "/admin/upstreams/default", { websocket, ...more });
}

/** The requests that the simulated upstream answered with a response, over either transport. */
async function asked(): Promise<Journal["requests"]> {
  const { requests } = await upstream();
  return requests.filter(({ fields }) => fields.model !== undefined);
}

/** The price of `COUNTED` in micro-credits. */
function price({ last }: Answered): number {
  const { input_tokens: input = 0, output_tokens: output = 0 } = last.response?.usage ?? {};
  return input * 1_000 + output * 10_000;
}

function micro(amount: string | undefined): number {
  return Math.round(Number(amount) * 1_000_000);
}

function receiptOf(answered: Answered, of = account): Promise<Receipt> {
  return endedReceipt(of, answered.requestId);
}

describe("the handshake", () => {
  test("a key that is not good is refused as plain HTTP", async () => {
    await setUpstream("bridge");
    const revoked = await newKey(account.id);
    await asOperator("DELETE", `/admin/accounts/${account.id}/keys/${revoked.id}`);
    for (const key of ["sk-spill-nonsense", revoked.key]) {
      const response = await upgrade(key);
      expect(response.status).toBe(401);
      expect((await response.json<ErrorBody>()).error.code).toBe("invalid_api_key");
    }
  });

  // C15
  test("where no upstream takes a WebSocket, 426 sends Codex to plain requests at once", async () => {
    await setUpstream("refuse");
    const response = await upgrade(account.key);
    expect(response.status).toBe(426);
  });

  test("tells what the upstream wants repeated, and nothing of the operator's account", async () => {
    await setUpstream("pass");
    const response = await upgrade(account.key);
    expect(response.status).toBe(101);
    const names = [...response.headers.keys()];
    expect(names).toEqual(expect.arrayContaining(["x-codex-turn-state", "x-request-id"]));
    expect(names.filter((name) => /^(openai-|set-cookie|x-ratelimit|x-codex-primary)/.test(name))).toEqual([]);
    response.webSocket?.accept();
    response.webSocket?.close(1000);
  });

  test("goes upstream with the operator's key and without the caller's", async () => {
    await setUpstream("pass");
    await forgetUpstream();
    const socket = await openSocket(account, {
      headers: { cookie: "a=b", range: "bytes=0-1", "openai-beta": "responses_websockets=2026-02-06" },
    });
    const { requests } = await upstream();
    expect(requests).toHaveLength(1);
    expect(requests[0]?.headers).toMatchObject({ "openai-beta": "responses_websockets=2026-02-06" });
    expect(Object.keys(requests[0]?.headers ?? {})).not.toContain("cookie");
    expect(Object.keys(requests[0]?.headers ?? {})).not.toContain("range");
    expect(JSON.stringify(requests)).not.toContain("sk-spill");
    socket.close();
  });
});

describe.each(["pass", "bridge"] as const)("with an upstream in the mode %s", (mode) => {
  beforeEach(() => setUpstream(mode));

  // C13
  test("each response on a socket is charged by itself", async () => {
    const before = await accountOf(account);
    const socket = await openSocket(account, { simulate: "cached=3" });
    const answers = [await socket.ask(COUNTED), await socket.ask({ ...COUNTED, input: "something longer" })];
    expect(new Set(answers.map(({ requestId }) => requestId)).size).toBe(2);
    for (const answer of answers) {
      const { input_tokens, output_tokens } = answer.last.response?.usage ?? {};
      expect(await receiptOf(answer)).toMatchObject({
        reservation: { state: "settled" },
        usage: { input_tokens, output_tokens, cached_input_tokens: 3, outcome: "incomplete", estimated: false },
        charge: { overshoot: "0.000000" },
      });
    }
    const { credits } = await accountOf(account);
    const spent = answers.reduce((sum, answer) => sum + price(answer) - 3 * 900, 0);
    expect(micro(credits.used) - micro(before.credits.used)).toBe(spent);
    expect(credits.reserved).toBe("0.000000");
    socket.close();
  });

  // C14
  test("a frame cannot switch to a model outside the plan", async () => {
    await putPlan("one-model", { ...CREDITS_PLAN, features: { codex: { models: ["flat-1"] } } });
    const one = await newAccount({ plan: "one-model", credits: "10" });
    const socket = await openSocket(one, { simulate: "output=1" });
    expect((await socket.ask(BODY)).last.type).toBe("response.completed");
    const refused = await withoutUpstreamCall(() => socket.ask(COUNTED));
    expect(refusal(refused)).toMatchObject({ status: 404, error: { code: "model_not_found" } });
    expect((await socket.ask(BODY)).last.type).toBe("response.completed");
    socket.close();
  });

  test("a model without a price is refused in its frame", async () => {
    const socket = await openSocket(account);
    const refused = await withoutUpstreamCall(() => socket.ask({ ...BODY, model: "unheard-of" }));
    expect(refusal(refused)).toMatchObject({ status: 400, error: { code: "model_not_found" } });
    socket.close();
  });

  test("a revoked key is refused at the next frame", async () => {
    const one = await newAccount({ credits: "10" });
    const key = await newKey(one.id);
    const socket = await openSocket({ id: one.id, key: key.key }, { simulate: "output=1" });
    expect((await socket.ask(BODY)).last.type).toBe("response.completed");
    await asOperator("DELETE", `/admin/accounts/${one.id}/keys/${key.id}`);
    const refused = await withoutUpstreamCall(() => socket.ask(BODY));
    expect(refusal(refused)).toMatchObject({ status: 401, error: { code: "invalid_api_key" } });
    socket.close();
  });

  test("limits bite on a socket with our words", async () => {
    await putPlan("little", includedPlan("1.5", "10"));
    const little = await newAccount({ plan: "little" });
    const socket = await openSocket(little, { simulate: "output=10" });
    expect((await socket.ask(BODY)).last.type).toBe("response.completed");
    const refused = refusal(await withoutUpstreamCall(() => socket.ask(BODY)));
    expect(refused).toMatchObject({
      status: 429,
      error: { type: "usage_limit_reached", code: "insufficient_quota", resets_at: expect.any(Number) },
      headers: { "x-codex-promo-message": expect.stringContaining("included use is used up") },
    });
    expect(refused.error?.message).toContain("Your included use is used up.");
    socket.close();
  });

  test("a gate tells when to come again", async () => {
    const gates = [{ id: "rate", unit: "requests", limit: 1, window: { kind: "sliding", period: "1m" } }];
    await putPlan("gated", { ...CREDITS_PLAN, gates });
    const gated = await newAccount({ plan: "gated", credits: "10" });
    const socket = await openSocket(gated, { simulate: "output=1" });
    await socket.ask(BODY);
    const refused = refusal(await socket.ask(BODY));
    expect(refused).toMatchObject({ status: 429, error: { code: "rate_limit_exceeded" } });
    expect(refused.headers?.["retry-after"]).toMatch(/^[1-9]\d*$/);
    socket.close();
  });

  // X6
  test("the caller's own windows and credits come before each answer, and upstream's never do", async () => {
    await putPlan("windows", includedPlan("2", "20"));
    const one = await newAccount({ plan: "windows", credits: "7" });
    const socket = await openSocket(one, { simulate: "output=10" });
    const limits = async (): Promise<readonly Frame[]> => {
      const { frames } = await socket.ask(BODY);
      expect(frames[0]?.type).toBe("codex.rate_limits");
      return frames.filter(({ type }) => type === "codex.rate_limits");
    };
    const first = await limits();
    expect(first).toHaveLength(1);
    // What is reserved for the request counts as used until it has ended.
    expect(first[0]).toMatchObject({
      rate_limits: { primary: { used_percent: 50, window_minutes: 300 }, secondary: { used_percent: 5 } },
      credits: { balance: "7.000000" },
    });
    expect((await limits())[0]?.rate_limits?.primary.used_percent).toBe(100);
    socket.close();
  });

  test("what goes on from a response of the socket is reserved with all that came before", async () => {
    const socket = await openSocket(account, { simulate: "output=5" });
    const long = "It was a dark and stormy night. ".repeat(200);
    const first = await socket.ask({ ...COUNTED, input: long });
    const next = await socket.ask({ ...COUNTED, previous_response_id: first.last.response?.id });
    expect(next.last.type).toBe("response.completed");
    const tokens = next.last.response?.usage?.input_tokens ?? 0;
    expect(tokens).toBeGreaterThan(first.last.response?.usage?.input_tokens ?? 0);
    const receipt = await receiptOf(next);
    expect(micro(receipt.reservation.estimated)).toBeGreaterThanOrEqual(tokens * 1_000);
    expect(receipt.charge?.overshoot).toBe("0.000000");
    socket.close();
  });

  test("a response that nobody here made is not found, and costs nothing", async () => {
    const other = await newAccount({ credits: "10" });
    const theirs = await openSocket(other, { simulate: "output=1" });
    const { last } = await theirs.ask({ ...BODY, store: true });
    const socket = await openSocket(account);
    for (const previous of [last.response?.id, "resp_unheard-of"]) {
      const refused = await withoutUpstreamCall(() => socket.ask({ ...BODY, previous_response_id: previous }));
      expect(refusal(refused)).toMatchObject({ status: 400, error: { code: "previous_response_not_found" } });
    }
    theirs.close();
    socket.close();
  });

  test("a stored response of the account is gone on from in another connection", async () => {
    const made = await ask(account, { ...COUNTED, store: true, input: "Remember this." }, { simulate: "output=5" });
    const { id, usage } = await made.json<{ id: string; usage: { input_tokens: number } }>();
    const socket = await openSocket(account, { simulate: "output=5" });
    const { last } = await socket.ask({ ...COUNTED, previous_response_id: id });
    expect(last.type).toBe("response.completed");
    expect(last.response?.usage?.input_tokens).toBeGreaterThan(usage.input_tokens);
    socket.close();
  });

  test("a frame that only prepares is free where it costs nothing, and the next one goes on from it", async () => {
    const socket = await openSocket(account, { simulate: "output=5" });
    const before = await accountOf(account);
    const prepared = await socket.ask({ ...COUNTED, generate: false, input: "Instructions. ".repeat(50) });
    expect(prepared.frames.map(({ type }) => type)).toEqual([
      "codex.rate_limits",
      "response.created",
      "response.completed",
    ]);
    const receipt = await receiptOf(prepared);
    expect(receipt.usage?.output_tokens).toBe(0);
    if (mode === "bridge") expect(receipt.charge?.amount).toBe("0.000000");
    const next = await socket.ask({ ...COUNTED, previous_response_id: prepared.last.response?.id });
    expect(next.last.type).toBe("response.completed");
    expect(next.last.response?.usage?.input_tokens).toBeGreaterThan(100);
    await receiptOf(next);
    expect(micro((await accountOf(account)).credits.used)).toBeGreaterThan(micro(before.credits.used));
    socket.close();
  });

  test("streams of one socket are answered at once, and frames of one stream one after the other", async () => {
    const socket = await openSocket(account, { simulate: "output=10;pace=200" });
    for (const stream_id of ["a", "b", "b"]) socket.send({ ...BODY, stream_id });
    const order: string[] = [];
    while (order.filter((entry) => entry.endsWith("completed")).length < 3) {
      const frame = await socket.next(({ type }) => /^response\.(created|completed)$/.test(type));
      order.push(`${frame.stream_id} ${frame.type}`);
    }
    expect(order.slice(0, 2).sort()).toEqual(["a response.created", "b response.created"]);
    expect(order.indexOf("b response.completed")).toBeLessThan(order.lastIndexOf("b response.created"));
    socket.close();
  });

  test("more responses at once than a socket may have are refused, and those under way go on", async () => {
    const socket = await openSocket(account, { simulate: "output=5;pace=400" });
    for (let index = 0; index < 9; index += 1) socket.send({ ...BODY, stream_id: `s${index}` });
    const refused = await socket.next(({ type }) => type === "error");
    expect(refused).toMatchObject({ status: 429, stream_id: "s8", headers: { "retry-after": "1" } });
    for (let index = 0; index < 8; index += 1) await socket.next(({ type }) => type === "response.completed");
    socket.close();
  });

  test.each([
    ["a binary frame", new ArrayBuffer(8), 400, "invalid_frame"],
    ["no JSON", "{", 400, "invalid_json"],
    ["an unknown event", '{"type":"response.cancel"}', 400, "unsupported_parameter"],
    [
      "a frame of more than 4 MiB",
      `{"type":"response.create","input":"${"x".repeat(4 * 1024 * 1024)}"}`,
      413,
      "request_too_large",
    ],
  ])("%s is refused by an error frame, and the socket stays", async (_, data, status, code) => {
    const socket = await openSocket(account, { simulate: "output=1" });
    socket.sendRaw(data);
    expect(await socket.next()).toMatchObject({ type: "error", status, error: { code } });
    expect((await socket.ask(BODY)).last.type).toBe("response.completed");
    socket.close();
  });

  test("steering is refused and disturbs nothing: what it sets off could not be reserved", async () => {
    const socket = await openSocket(account, { simulate: "output=10;pace=200" });
    socket.send(BODY);
    const { response } = await socket.next(({ type }) => type === "response.created");
    socket.send({ type: "response.steer", previous_response_id: response?.id, input: "Stop." });
    const failed = await socket.next(({ type }) => type.startsWith("response.steer"));
    expect(failed).toMatchObject({ type: "response.steer.failed", error: { code: "steering_not_supported" } });
    expect((await socket.next(({ type }) => type === "response.completed")).response?.status).toBe("completed");
    socket.close();
  });

  // C12
  test("a client that leaves in the middle pays for what upstream reports in the end", async () => {
    const socket = await openSocket(account, { simulate: "output=10;pace=30" });
    socket.send(BODY);
    const { spillway } = await socket.next();
    await socket.next(({ type }) => type === "response.output_text.delta");
    socket.close();
    expect(await endedReceipt(account, spillway?.request_id ?? "")).toMatchObject({
      usage: { output_tokens: 10, estimated: false },
      charge: { amount: "1.000000" },
    });
  });

  describe("an error of the upstream is not charged, and not told as the caller's", () => {
    test.each([
      ["status=500", 503, "server_is_overloaded"],
      ["status=429;retry_after=7", 503, "server_is_overloaded"],
      ["status=403", 502, "upstream_auth"],
      ["leak_key", 502, "upstream_auth"],
      ["status=400;code=context_length_exceeded", 400, "context_length_exceeded"],
    ])("%s → %i %s", async (simulate, status, code) => {
      const socket = await openSocket(account);
      const answered = await socket.ask({ ...BODY, metadata: { simulate } });
      expect(answered.last).toMatchObject({ type: "error", status, error: { code } });
      const text = JSON.stringify(answered.frames);
      expect(text).not.toContain(CANARY.slice(0, 8));
      expect(text).not.toContain(CANARY.slice(-4));
      expect(await receiptOf(answered)).toMatchObject({
        reservation: { state: "released" },
        charge: { amount: "0.000000" },
      });
      socket.close();
    });
  });

  test("an answer that fails at its end is charged as upstream says", async () => {
    const socket = await openSocket(account);
    const failed = await socket.ask({ ...BODY, metadata: { simulate: "output=4;failed" } });
    expect(failed.last.type).toBe("response.failed");
    expect(await receiptOf(failed)).toMatchObject({ usage: { outcome: "failed" }, charge: { amount: "0.400000" } });
    socket.close();
  });

  // Codex takes an answer without whole usage for lost and asks for it again.
  test("usage that Codex could not read is made whole", async () => {
    const socket = await openSocket(account, { simulate: "output=1;usage=no_total" });
    const { last } = await socket.ask(BODY);
    expect(last.response?.usage).toMatchObject({ output_tokens: 1, total_tokens: expect.any(Number) });
    socket.close();
  });

  test("a connection of more than an hour asks for a new one", async () => {
    const socket = await openSocket(account, { simulate: "output=1" });
    expect((await socket.ask(BODY)).last.type).toBe("response.completed");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61 * 60_000 });
    const refused = await withoutUpstreamCall(() => socket.ask(BODY));
    expect(refusal(refused)).toMatchObject({ status: 400, error: { code: "websocket_connection_limit_reached" } });
    expect(await socket.closed).toBe(1000);
  });

  test("a coding client sees signs of life while upstream thinks", async () => {
    const gateway = gatewayWith({ SPILLWAY_KEEPALIVE_MS: "100", UPSTREAM_WEBSOCKET: mode });
    const socket = await openSocket(account, {
      // Silences enough that one in which the machine stalls is none too many.
      simulate: "output=4;first=400;pace=300",
      gateway,
      headers: { originator: "codex_exec" },
    });
    const { frames } = await socket.ask(BODY);
    expect(frames.filter(({ type }) => type === "keepalive").length).toBeGreaterThan(2);
    socket.close();
  });
});

describe("through an upstream that speaks WebSocket", () => {
  beforeEach(() => setUpstream("pass"));

  test("frames pass: upstream keeps the conversation and only the new input is sent", async () => {
    const socket = await openSocket(account, { simulate: "output=1" });
    await forgetUpstream();
    const first = await socket.ask(BODY);
    await socket.ask({ ...BODY, previous_response_id: first.last.response?.id });
    const requests = await asked();
    expect(requests.map(({ path, fields }) => [path, fields.previous_response_id ?? null])).toEqual([
      ["/v1/responses", null],
      ["/v1/responses", first.last.response?.id],
    ]);
    expect(requests.map(({ method }) => method)).toEqual(["WS", "WS"]);
    socket.close();
  });

  test("what upstream prepares for nothing counts as nothing", async () => {
    const socket = await openSocket(account);
    const prepared = await socket.ask({ ...BODY, generate: false, metadata: { simulate: "input=0" } });
    expect(await receiptOf(prepared)).toMatchObject({
      reservation: { state: "released" },
      usage: { outcome: "completed" },
    });
    socket.close();
  });

  test("upstream's connection is kept to the end of the answer when the client leaves, and no longer", async () => {
    await forgetUpstream();
    const socket = await openSocket(account, { simulate: "output=10;pace=30" });
    socket.send(BODY);
    await socket.next(({ type }) => type === "response.output_text.delta");
    socket.close();
    await eventually(async () => {
      const { requests } = await upstream();
      expect(requests.map(({ method, ending }) => [method, ending])).toEqual([
        ["GET", "cancelled"],
        ["WS", "complete"],
      ]);
    });
  });

  test("an upstream that breaks off is paid for what was counted, and the client has to connect anew", async () => {
    const socket = await openSocket(account, { simulate: "output=10;ws_close=1012" });
    socket.send(BODY);
    const { spillway } = await socket.next();
    expect(await socket.closed).toBe(1012);
    const receipt = await endedReceipt(account, spillway?.request_id ?? "");
    expect(receipt).toMatchObject({ usage: { outcome: "cut", estimated: true }, charge: { overshoot: "0.000000" } });
  });

  test("any other end of the upstream's connection is told as trouble, so that Codex tries again", async () => {
    const socket = await openSocket(account, { simulate: "cut_after=2" });
    socket.send(BODY);
    expect(await socket.closed).toBe(1011);
  });

  test("an upstream that falls silent is given up, paid for what was counted, and the client has to connect anew", async () => {
    const gateway = gatewayWith({ UPSTREAM_IDLE_MS: "300" });
    // A machine that is slow must not look like an upstream that is silent.
    vi.useFakeTimers({ toFake: ["Date"] });
    const socket = await openSocket(account, { simulate: "output=10;stall_after=2", gateway });
    socket.send(BODY);
    const { spillway } = await socket.next();
    for (let word = 0; word < 2; word += 1) await socket.next(({ type }) => type === "response.output_text.delta");
    vi.setSystemTime(Date.now() + 301);
    expect(await socket.closed).toBe(1011);
    expect(await endedReceipt(account, spillway?.request_id ?? "")).toMatchObject({
      usage: { output_tokens: 2, outcome: "cut", estimated: true },
    });
  });

  test("an upstream that keeps the handshake waiting is bridged", async () => {
    await setUpstream("pass", { connect_ms: 200 });
    const begun = Date.now();
    const socket = await openSocket(account, { simulate: "first=60000" });
    expect(Date.now() - begun).toBeLessThan(30_000);
    socket.close();
  });

  test("upstream's hourly limit passes, and nothing is charged", async () => {
    const socket = await openSocket(account, { simulate: "ws_limit" });
    const answered = await socket.ask(BODY);
    expect(answered.last).toMatchObject({ status: 400, error: { code: "websocket_connection_limit_reached" } });
    expect((await receiptOf(answered)).charge?.amount).toBe("0.000000");
    expect(await socket.closed).toBeGreaterThanOrEqual(1000);
  });

  test("an upstream that refuses the upgrade is bridged", async () => {
    const socket = await openSocket(account, { simulate: "ws_refuse;output=1" });
    await forgetUpstream();
    expect((await socket.ask(BODY)).last.type).toBe("response.completed");
    expect((await asked()).map(({ method }) => method)).toEqual(["POST"]);
    socket.close();
  });

  test("a model of another upstream is asked there, and what it says is known in this connection", async () => {
    await setUpstream("pass", { models: ["flat-1"] });
    const document = {
      base_url: "https://other.test/v1",
      key_secret: "UPSTREAM_API_KEY",
      models: ["gpt-5.4"],
      order: 200,
    };
    await asOperator("PUT", "/admin/upstreams/other", document);
    try {
      const socket = await openSocket(account, { simulate: "output=1" });
      await forgetUpstream();
      const here = await socket.ask(BODY);
      const there = await socket.ask(COUNTED);
      const on = await socket.ask({ ...COUNTED, previous_response_id: there.last.response?.id });
      expect(on.last.type).toBe("response.completed");
      expect((await asked()).map(({ method, host }) => [method, host])).toEqual([
        ["WS", "upstream.test"],
        ["POST", "other.test"],
        ["POST", "other.test"],
      ]);
      // The other upstream cannot know what only the connection to this one holds.
      const lost = await withoutUpstreamCall(() =>
        socket.ask({ ...COUNTED, previous_response_id: here.last.response?.id }),
      );
      expect(refusal(lost)).toMatchObject({ status: 400, error: { code: "previous_response_not_found" } });
      socket.close();
    } finally {
      await asOperator("DELETE", "/admin/upstreams/other");
    }
  });
});

describe("an upstream without WebSocket is bridged", () => {
  beforeEach(() => setUpstream("bridge"));

  test("a frame that goes on from another says everything again", async () => {
    const socket = await openSocket(account, { simulate: "output=1" });
    const first = await socket.ask({ ...BODY, input: "one" });
    await forgetUpstream();
    await socket.ask({
      ...BODY,
      input: [{ role: "user", content: "two" }],
      previous_response_id: first.last.response?.id,
    });
    const [request] = await asked();
    expect(request?.method).toBe("POST");
    // What was asked, what was answered, and what is asked now.
    expect(request?.fields.input).toBe("[3 items]");
    expect(request?.fields.previous_response_id).toBeUndefined();
    socket.close();
  });

  test("a frame that only prepares asks nobody", async () => {
    const socket = await openSocket(account, { simulate: "output=1" });
    const prepared = await withoutUpstreamCall(() => socket.ask({ ...BODY, generate: false, input: "one" }));
    expect(await receiptOf(prepared)).toMatchObject({
      reservation: { state: "released", estimated: "0.000000" },
      usage: { outcome: "completed" },
    });
    await forgetUpstream();
    await socket.ask({ ...BODY, input: "two", previous_response_id: prepared.last.response?.id });
    expect((await asked())[0]?.fields.input).toBe("[2 items]");
    socket.close();
  });

  test("a stream that breaks off ends in an error, is paid for what was counted, and the socket stays", async () => {
    const socket = await openSocket(account);
    const broken = await socket.ask({ ...BODY, metadata: { simulate: "output=10;cut_after=3" } });
    expect(broken.last).toMatchObject({ type: "error", status: 502, error: { code: "upstream_broke_off" } });
    expect(await receiptOf(broken)).toMatchObject({
      usage: { output_tokens: 3, outcome: "cut", estimated: true },
      charge: { amount: "0.300000" },
    });
    expect((await socket.ask({ ...BODY, metadata: { simulate: "output=1" } })).last.type).toBe("response.completed");
    socket.close();
  });
});

test("after all of this nothing is held", async () => {
  await eventually(async () => expect((await accountOf(account)).credits.reserved).toBe("0.000000"));
});
