import OpenAI from "openai";
import type { ResponseInputItem } from "openai/resources/responses/responses";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminClient } from "../../scripts/admin-client.ts";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";
import { type Customer, endedReceipt, makeCustomer, micro, readOwn, readReceipt, until } from "../system/customer.ts";

const ADMIN_TOKEN = "operator-of-the-conformance-test";
const MODEL = "plain-model";
/** Every token of either kind costs the same, so that a charge is read off the usage. */
const MICRO_PER_TOKEN = 100;

const RATE_CARD = {
  models: {
    [MODEL]: {
      feature: "codex",
      per_million_tokens: { input: "100", cached_input: "100", output: "100" },
      max_output_tokens: 1_000,
      source: "made up for this test",
      as_of: "2026-11-22",
    },
    "model-of-another-feature": {
      feature: "other",
      per_million_tokens: { input: "100", cached_input: "100", output: "100" },
      max_output_tokens: 1_000,
      source: "made up for this test",
      as_of: "2026-11-22",
    },
  },
};

const ENTITLED = { codex: { models: ["*"] } };
const PLANS = {
  open: { name: "Open", features: ENTITLED },
  // Room for one request whose bound is 1,000 tokens of output, and not for another after it.
  included: {
    name: "Included",
    features: ENTITLED,
    allowances: [{ id: "included", unit: "credits", windows: [{ kind: "anchored", period: "5h", limit: "0.15" }] }],
  },
  gated: {
    name: "Gated",
    features: ENTITLED,
    gates: [{ id: "rate", unit: "requests", limit: 1, window: { kind: "sliding", period: "10s" } }],
  },
};

let gateway: LocalGateway;
let admin: AdminClient;
let customer: Customer;

/** What the SDK sent, seen from below it: one entry per HTTP request, retries included. */
interface Sent {
  readonly at: number;
  readonly status: number;
  readonly headers: Headers;
}

interface Client {
  readonly openai: OpenAI;
  readonly sent: Sent[];
}

interface ClientOptions {
  readonly apiKey?: string;
  readonly maxRetries?: number;
  /** Controls of the simulated upstream. */
  readonly simulate?: string;
}

/** A client as any user makes it: only the base URL and the key are ours. Retries are the SDK's default. */
function clientOf({ apiKey = customer.key, maxRetries, simulate }: ClientOptions = {}): Client {
  const sent: Sent[] = [];
  const openai = new OpenAI({
    apiKey,
    baseURL: `${gateway.url}/v1`,
    ...(maxRetries === undefined ? {} : { maxRetries }),
    ...(simulate === undefined ? {} : { defaultHeaders: { "x-simulate": simulate } }),
    fetch: async (...request: Parameters<typeof fetch>) => {
      const at = Date.now();
      const response = await fetch(...request);
      sent.push({ at, status: response.status, headers: response.headers });
      return response;
    },
  });
  return { openai, sent };
}

/** The error with which `call` fails. */
async function errorOf(call: PromiseLike<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  try {
    await call;
  } catch (error) {
    if (error instanceof OpenAI.APIError) return error;
    throw error;
  }
  throw new Error("The call succeeded");
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function requestIdOf({ sent }: Client, index = 0): string {
  const id = sent[index]?.headers.get("x-request-id");
  if (id === null || id === undefined) throw new Error("There is no x-request-id");
  return id;
}

async function expectCharge(requestId: string, usage: { input_tokens: number; output_tokens: number }): Promise<void> {
  const receipt = await endedReceipt(gateway.url, customer, requestId);
  expect(receipt).toMatchObject({
    reservation: { state: "settled" },
    usage: { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens, estimated: false },
  });
  expect(micro(receipt.charge?.amount ?? "")).toBe(MICRO_PER_TOKEN * (usage.input_tokens + usage.output_tokens));
}

beforeAll(async () => {
  gateway = await startLocalGateway({
    port: 0,
    withSimulator: true,
    vars: { SPILLWAY_ADMIN_TOKEN: ADMIN_TOKEN, SPILLWAY_KEY_SECRET: "key-secret-of-the-conformance-test" },
    log: "none",
  });
  admin = new AdminClient(gateway.url, ADMIN_TOKEN);
  await admin.request("PUT", "/admin/rate-cards/default", { body: RATE_CARD });
  for (const [id, plan] of Object.entries(PLANS)) await admin.request("PUT", `/admin/plans/${id}`, { body: plan });
  customer = await makeCustomer(admin, { plan: "open", credits: "100" });
});

afterAll(async () => {
  await gateway?.dispose();
});

describe("the Responses API through the openai SDK", () => {
  it("gives a whole response whose usage is what the receipt charges", async () => {
    const client = clientOf({ simulate: "output=40;reasoning=10;input=200;cached=50" });
    const response = await client.openai.responses.create({ model: MODEL, input: "Hello" });
    expect(response.status).toBe("completed");
    expect(response.output_text.split(/\s+/).length).toBeGreaterThan(20);
    expect(response.usage).toMatchObject({
      input_tokens: 200,
      input_tokens_details: { cached_tokens: 50 },
      output_tokens: 40,
      output_tokens_details: { reasoning_tokens: 10 },
      total_tokens: 240,
    });
    await expectCharge(requestIdOf(client), { input_tokens: 200, output_tokens: 40 });
  });

  it("takes an answer back as it is, with reasoning that upstream keeps", async () => {
    const client = clientOf({ simulate: "output=40;reasoning=10;input=200" });
    const question = { role: "user" as const, content: "Hello" };
    const first = await client.openai.responses.create({ model: MODEL, input: [question] });
    expect(first.output.map(({ type }) => type)).toEqual(["reasoning", "message"]);
    const input = [question, ...(first.output as ResponseInputItem[]), { role: "user" as const, content: "And then?" }];
    const second = await client.openai.responses.create({ model: MODEL, input });
    expect(second.status).toBe("completed");
    const unsaid = { model: MODEL, input: [{ type: "reasoning" as const, id: "rs_of_another", summary: [] }] };
    await expect(client.openai.responses.create(unsaid)).rejects.toMatchObject({
      status: 400,
      code: "previous_response_not_found",
      param: "input",
    });
  });

  it("streams every event in its order, and the last one tells the usage that is charged", async () => {
    const client = clientOf({ simulate: "output=30;pace=0" });
    const stream = await client.openai.responses.create({ model: MODEL, input: "Hello", stream: true });
    const events = await collect(stream);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    const types = events.map((event) => event.type);
    expect(types.slice(0, 2)).toEqual(["response.created", "response.in_progress"]);
    expect(types.filter((type) => type === "response.output_text.delta")).toHaveLength(30);
    expect(types.at(-1)).toBe("response.completed");
    const last = events.at(-1);
    const usage = last?.type === "response.completed" ? last.response.usage : undefined;
    expect(usage?.output_tokens).toBe(30);
    if (usage) await expectCharge(requestIdOf(client), usage);
  });

  it("feeds the responses.stream helper up to its final response", async () => {
    const client = clientOf({ simulate: "output=25;pace=0" });
    const stream = client.openai.responses.stream({ model: MODEL, input: "Hello" });
    let told = "";
    stream.on("response.output_text.delta", (event) => {
      told += event.delta;
    });
    const final = await stream.finalResponse();
    expect(final.status).toBe("completed");
    expect(final.output_text).toBe(told);
    expect(final.usage?.output_tokens).toBe(25);
    if (final.usage) await expectCharge(requestIdOf(client), final.usage);
  });

  it("shows our request id through withResponse, and the receipt is found under it", async () => {
    const { openai } = clientOf({ simulate: "output=10" });
    const { data, response, request_id } = await openai.responses.create({ model: MODEL, input: "Hi" }).withResponse();
    expect(request_id).toMatch(/^req_/);
    expect(response.headers.get("x-request-id")).toBe(request_id);
    expect(data.output_text).not.toBe("");
    expect(response.headers.get("spillway-decision")).toMatch(/^allow; grant=\d+\.\d{6}$/);
    expect(await readReceipt(gateway.url, customer, request_id ?? "")).toMatchObject({ request_id, model: MODEL });
  });
});

describe("chat completions through the openai SDK", () => {
  const messages = [{ role: "user" as const, content: "Hello" }];

  it("gives a whole completion whose usage is what the receipt charges", async () => {
    const client = clientOf({ simulate: "output=20;input=100" });
    const completion = await client.openai.chat.completions.create({ model: MODEL, messages });
    expect(completion.choices[0]?.message.content).toMatch(/\w/);
    expect(completion.usage).toMatchObject({ prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 });
    await expectCharge(requestIdOf(client), { input_tokens: 100, output_tokens: 20 });
  });

  it("streams with include_usage: one chunk tells the usage, and it is charged", async () => {
    const client = clientOf({ simulate: "output=20;input=100;pace=0" });
    const options = { include_usage: true };
    const stream = await client.openai.chat.completions.create({
      model: MODEL,
      messages,
      stream: true,
      stream_options: options,
    });
    const chunks = await collect(stream);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 100, completion_tokens: 20 } });
    expect(chunks.filter((chunk) => chunk.usage)).toHaveLength(1);
    await expectCharge(requestIdOf(client), { input_tokens: 100, output_tokens: 20 });
  });

  it("streams without include_usage: no chunk tells usage or lacks a choice, and the charge is exact all the same", async () => {
    const client = clientOf({ simulate: "output=20;input=100;pace=0" });
    const stream = await client.openai.chat.completions.create({ model: MODEL, messages, stream: true });
    const chunks = await collect(stream);
    expect(chunks.filter((chunk) => chunk.usage)).toEqual([]);
    expect(chunks.filter((chunk) => chunk.choices.length === 0)).toEqual([]);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("stop");
    await expectCharge(requestIdOf(client), { input_tokens: 100, output_tokens: 20 });
  });
});

describe("models through the openai SDK", () => {
  it("lists exactly the priced models that the plan entitles to", async () => {
    const models = await collect(clientOf().openai.models.list());
    expect(models.map((model) => model.id)).toEqual([MODEL]);
  });

  it("retrieves a model of the plan, and hides one that is not in it", async () => {
    const { openai } = clientOf();
    expect(await openai.models.retrieve(MODEL)).toMatchObject({ id: MODEL, object: "model" });
    expect(await errorOf(openai.models.retrieve("model-of-another-feature"))).toBeInstanceOf(OpenAI.NotFoundError);
  });
});

describe("refusals as the SDK's own errors", () => {
  const request = { model: MODEL, input: "Hello" };

  it("a wrong key is an AuthenticationError after one request", async () => {
    const client = clientOf({
      apiKey: "sk-spill-nobody-key_000000000000-00000000000000000000000000000000-0000000000000000",
    });
    const error = await errorOf(client.openai.responses.create(request));
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(error).toMatchObject({ status: 401, code: "invalid_api_key", requestID: requestIdOf(client) });
    expect(client.sent).toHaveLength(1);
  });

  it("a suspended account is a PermissionDeniedError after one request", async () => {
    const suspended = await makeCustomer(admin, { plan: "open", credits: "1" });
    await admin.request("PATCH", `/admin/accounts/${suspended.id}`, {
      body: { status: "suspended", reason: "test" },
    });
    const client = clientOf({ apiKey: suspended.key });
    const error = await errorOf(client.openai.responses.create(request));
    expect(error).toBeInstanceOf(OpenAI.PermissionDeniedError);
    expect(error).toMatchObject({ status: 403, type: "account_suspended" });
    expect(client.sent).toHaveLength(1);
  });

  it("a model of another plan, a route that is not metered and a stored response are NotFoundErrors", async () => {
    const client = clientOf();
    const calls = [
      () => client.openai.responses.create({ ...request, model: "model-of-another-feature" }),
      () => client.openai.embeddings.create({ model: MODEL, input: "Hello" }),
      () => client.openai.responses.retrieve("resp_0123456789abcdef"),
    ];
    for (const call of calls) {
      const error = await errorOf(call());
      expect(error).toBeInstanceOf(OpenAI.NotFoundError);
      expect(error.requestID).toMatch(/^req_/);
    }
    expect(client.sent).toHaveLength(calls.length);
  });

  it("an unpriced model and a body that is not valid are BadRequestErrors after one request each", async () => {
    const client = clientOf();
    const unpriced = await errorOf(client.openai.responses.create({ ...request, model: "gpt-unheard-of" }));
    expect(unpriced).toBeInstanceOf(OpenAI.BadRequestError);
    expect(unpriced).toMatchObject({ code: "model_not_found", param: "model", type: "invalid_request_error" });
    const invalid = await errorOf(client.openai.responses.create({ ...request, max_output_tokens: -1 }));
    expect(invalid).toBeInstanceOf(OpenAI.BadRequestError);
    expect(invalid).toMatchObject({ param: "max_output_tokens" });
    expect(client.sent).toHaveLength(2);
  });

  it("the upstream's refusal of a request passes in its own words and costs nothing", async () => {
    const client = clientOf({ simulate: "status=400;code=too_funny" });
    const error = await errorOf(client.openai.responses.create(request));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error.code).toBe("too_funny");
    const receipt = await endedReceipt(gateway.url, customer, requestIdOf(client));
    expect(receipt).toMatchObject({ reservation: { state: "released" }, charge: { amount: "0.000000" } });
  });

  it("an account without credits is stopped by one RateLimitError, not by three", async () => {
    const broke = await makeCustomer(admin, { plan: "open" });
    const client = clientOf({ apiKey: broke.key });
    const error = await errorOf(client.openai.responses.create(request));
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ type: "usage_limit_reached", code: "insufficient_quota" });
    expect(error.error).not.toHaveProperty("resets_at");
    expect(client.sent).toHaveLength(1);
  });

  it("a used up allowance is one RateLimitError that says when it renews", async () => {
    const included = await makeCustomer(admin, { plan: "included" });
    const client = clientOf({ apiKey: included.key, simulate: "output=900" });
    await client.openai.responses.create(request);
    const error = await errorOf(client.openai.responses.create(request));
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ type: "usage_limit_reached", code: "insufficient_quota" });
    const { resets_at: resetsAt } = error.error as { resets_at: number };
    expect(Number.isInteger(resetsAt)).toBe(true);
    const hours = (resetsAt - Date.now() / 1_000) / 3_600;
    expect(hours).toBeGreaterThan(4.9);
    expect(hours).toBeLessThanOrEqual(5.1);
    expect(client.sent.map(({ status }) => status)).toEqual([200, 429]);
  });

  it("a gate is retried by the SDK after exactly the time it was told, and then lets through", async () => {
    const gated = await makeCustomer(admin, { plan: "gated", credits: "10" });
    const client = clientOf({ apiKey: gated.key, simulate: "output=10", maxRetries: 1 });
    await client.openai.responses.create(request);
    const response = await client.openai.responses.create(request);
    expect(response.status).toBe("completed");
    expect(client.sent.map(({ status }) => status)).toEqual([200, 429, 200]);

    const [, refused, repeated] = client.sent;
    const toldMs = Number(refused?.headers.get("retry-after-ms"));
    expect(toldMs).toBeGreaterThan(0);
    expect(Number(refused?.headers.get("retry-after"))).toBe(Math.max(1, Math.ceil(toldMs / 1_000)));
    const waitedMs = (repeated?.at ?? 0) - (refused?.at ?? 0);
    expect(waitedMs).toBeGreaterThanOrEqual(toldMs - 5);
    expect(waitedMs).toBeLessThan(toldMs + 10_000);
  });

  it("an overloaded upstream is an InternalServerError with 503, retried after the upstream's retry-after, free of charge", async () => {
    const client = clientOf({ simulate: "status=503;retry_after=1", maxRetries: 1 });
    const error = await errorOf(client.openai.responses.create(request));
    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    expect(error).toMatchObject({ status: 503, code: "server_is_overloaded" });
    expect(client.sent.map(({ status }) => status)).toEqual([503, 503]);
    const [first, second] = client.sent;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(995);
    for (const index of [0, 1]) {
      const receipt = await endedReceipt(gateway.url, customer, requestIdOf(client, index));
      expect(receipt).toMatchObject({ reservation: { state: "released" }, charge: { amount: "0.000000" } });
    }
  });
});

describe("a client that gives up", () => {
  it("in the middle of a stream is charged exactly what the upstream reports", async () => {
    const client = clientOf({ simulate: "output=60;input=150;pace=60" });
    const abort = new AbortController();
    const stream = await client.openai.responses.create(
      { model: MODEL, input: "Hello", stream: true },
      { signal: abort.signal },
    );
    let seen = 0;
    for await (const event of stream) {
      if (event.type === "response.output_text.delta") seen += 1;
      if (seen === 3) abort.abort();
    }
    expect(seen).toBeLessThan(60);
    const receipt = await readReceipt(gateway.url, customer, requestIdOf(client));
    expect(receipt?.reservation.state).toBe("pending");
    await expectCharge(requestIdOf(client), { input_tokens: 150, output_tokens: 60 });
  });

  it("before the answer began is charged exactly what the upstream reports", async () => {
    const client = clientOf({ simulate: "output=30;input=150;first=6000", maxRetries: 0 });
    const idempotencyKey = crypto.randomUUID();
    const abort = new AbortController();
    const call = client.openai.responses.create(
      { model: MODEL, input: "Hello" },
      { signal: abort.signal, headers: { "idempotency-key": idempotencyKey } },
    );
    const gaveUp = expect(call).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
    await until("its reservation", 30_000, async () => {
      const { credits } = (await readOwn(gateway.url, customer, "/api/account")) as { credits: { reserved: string } };
      return micro(credits.reserved) > 0 ? true : null;
    });
    abort.abort();
    await gaveUp;
    // The repetition with the same key is told the outcome, and not charged again.
    const { openai, sent } = clientOf({ maxRetries: 10, simulate: "output=30;input=150;first=6000" });
    const { response } = await openai.responses
      .create({ model: MODEL, input: "Hello" }, { headers: { "idempotency-key": idempotencyKey } })
      .withResponse();
    expect(sent.at(0)?.status).toBe(409);
    expect(response.headers.get("idempotent-replay")).toBe("omitted");
    await expectCharge(response.headers.get("x-request-id") ?? "", { input_tokens: 150, output_tokens: 30 });
  });
});
