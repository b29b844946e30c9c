import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminClient } from "../../scripts/admin-client.ts";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";
import { type Customer, endedReceipt, makeCustomer, micro, type Receipt } from "../system/customer.ts";

const ADMIN_TOKEN = "operator-of-the-conformance-test";
const MODEL = "plain-model";
/** Only output has a price, so that an estimate and a report are told apart by the tokens alone. */
const MICRO_PER_TOKEN = 1_000;
const RATE_CARD = {
  models: {
    [MODEL]: {
      feature: "codex",
      per_million_tokens: { input: "0", cached_input: "0", output: "1000" },
      max_output_tokens: 100,
      source: "made up for this test",
      as_of: "2026-11-22",
    },
  },
};

let gateway: LocalGateway;
let customer: Customer;

beforeAll(async () => {
  gateway = await startLocalGateway({
    port: 0,
    withSimulator: true,
    vars: {
      SPILLWAY_ADMIN_TOKEN: ADMIN_TOKEN,
      SPILLWAY_KEY_SECRET: "key-secret-of-the-conformance-test",
      // More than a machine may stall, which must not look like an upstream that is silent.
      UPSTREAM_IDLE_MS: "6000",
      SPILLWAY_KEEPALIVE_MS: "100",
    },
    log: "none",
  });
  const admin = new AdminClient(gateway.url, ADMIN_TOKEN);
  await admin.request("PUT", "/admin/rate-cards/default", { body: RATE_CARD });
  await admin.request("PUT", "/admin/plans/open", {
    body: { name: "Open", features: { codex: { models: ["*"] } } },
  });
  customer = await makeCustomer(admin, { plan: "open", credits: "100" });
});

afterAll(async () => {
  await gateway?.dispose();
});

/** What the SDK made of a stream: what it yielded, and the error it ended with. */
interface Seen<Item> {
  readonly items: readonly Item[];
  readonly error: unknown;
  readonly requestId: string;
}

async function see<Item>(
  simulate: string,
  begin: (openai: OpenAI) => Promise<AsyncIterable<Item>>,
  headers: Record<string, string> = {},
): Promise<Seen<Item>> {
  let requestId = "";
  const openai = new OpenAI({
    apiKey: customer.key,
    baseURL: `${gateway.url}/v1`,
    maxRetries: 0,
    defaultHeaders: { "x-simulate": `${simulate};pace=1`, ...headers },
    fetch: async (...request: Parameters<typeof fetch>) => {
      const response = await fetch(...request);
      requestId = response.headers.get("x-request-id") ?? "";
      return response;
    },
  });
  const items: Item[] = [];
  let error: unknown = null;
  try {
    for await (const item of await begin(openai)) items.push(item);
  } catch (thrown) {
    error = thrown;
  }
  return { items, error, requestId };
}

const response = (openai: OpenAI) => openai.responses.create({ model: MODEL, input: "Hello", stream: true });
const chat = (openai: OpenAI) =>
  openai.chat.completions.create({ model: MODEL, messages: [{ role: "user", content: "Hello" }], stream: true });

function receiptOf({ requestId }: Seen<unknown>): Promise<Receipt> {
  return endedReceipt(gateway.url, customer, requestId);
}

/** Tokens that a receipt charges. */
function charged(receipt: Receipt): number {
  return micro(receipt.charge?.amount ?? "") / MICRO_PER_TOKEN;
}

function typesOf(seen: Seen<{ type: string }>): readonly string[] {
  return seen.items.map(({ type }) => type);
}

function wordsOf(seen: Seen<{ type: string }>): number {
  return typesOf(seen).filter((type) => type === "response.output_text.delta").length;
}

describe("a stream of a response that ends by its own words", () => {
  it.each([
    ["completed", "output=8", "response.completed"],
    ["incomplete", "output=8;incomplete", "response.incomplete"],
    ["failed", "output=8;failed", "response.failed"],
  ])("%s: the SDK yields the last event, and its usage is charged", async (outcome, simulate, last) => {
    const seen = await see(simulate, response);
    expect(seen.error).toBeNull();
    expect(typesOf(seen).at(-1)).toBe(last);
    const receipt = await receiptOf(seen);
    expect(receipt.usage).toMatchObject({ outcome, output_tokens: 8, estimated: false });
    expect(charged(receipt)).toBe(8);
  });

  it("failed without usage: the SDK yields the last event, and what was seen is charged as an estimate", async () => {
    const seen = await see("output=8;failed_no_usage", response);
    expect(seen.error).toBeNull();
    expect(typesOf(seen).at(-1)).toBe("response.failed");
    const receipt = await receiptOf(seen);
    expect(receipt.usage).toMatchObject({ outcome: "failed", estimated: true });
    expect(charged(receipt)).toBeGreaterThan(0);
    expect(charged(receipt)).toBeLessThanOrEqual(10);
  });

  it("with partial usage: the SDK reads whole usage, and the charge is an estimate", async () => {
    const seen = await see("input=20;output=8;usage=partial", response);
    expect(seen.error).toBeNull();
    const last = seen.items.at(-1);
    expect(last?.type === "response.completed" && last.response.usage).toMatchObject({
      input_tokens: 20,
      input_tokens_details: { cached_tokens: 0 },
      total_tokens: 28,
    });
    const receipt = await receiptOf(seen);
    expect(receipt.usage).toMatchObject({ outcome: "completed", output_tokens: 8, estimated: true });
    expect(charged(receipt)).toBe(8);
  });

  it("with usage that cannot be true: the SDK reads none, and what was seen is charged as an estimate", async () => {
    const seen = await see("output=8;usage=broken", response);
    expect(seen.error).toBeNull();
    const last = seen.items.at(-1);
    expect(last?.type === "response.completed" && last.response.usage).toBeNull();
    expect((await receiptOf(seen)).usage).toMatchObject({ outcome: "completed", estimated: true });
  });
});

describe("a stream that breaks off is an error of the SDK, never a short answer", () => {
  const ends = [
    ["cut", "output=20;cut_after=6"],
    ["closed without its last event", "output=20;eof_after=6"],
    ["silent for too long", "output=20;stall_after=6"],
  ] as const;

  it.each(ends)("%s: a response", async (_, simulate) => {
    const seen = await see(simulate, response);
    expect(seen.error).toBeInstanceOf(TypeError);
    expect(wordsOf(seen)).toBe(6);
    const receipt = await receiptOf(seen);
    expect(receipt.usage).toMatchObject({ outcome: "cut", estimated: true });
    expect(charged(receipt)).toBeGreaterThanOrEqual(6);
    expect(charged(receipt)).toBeLessThan(12);
  });

  it.each(ends)("%s: a chat completion", async (_, simulate) => {
    const seen = await see(simulate, chat);
    expect(seen.error).toBeInstanceOf(TypeError);
    const words = seen.items.filter(({ choices }) => choices[0]?.delta.content).length;
    expect(words).toBe(6);
    const receipt = await receiptOf(seen);
    expect(receipt.usage).toMatchObject({ outcome: "cut", estimated: true });
    expect(charged(receipt)).toBeLessThan(12);
  });

  it("before its first word, and then it is free", async () => {
    const seen = await see("eof_after=0", response);
    expect(seen.error).toBeInstanceOf(TypeError);
    expect(wordsOf(seen)).toBe(0);
    expect(await receiptOf(seen)).toMatchObject({ reservation: { state: "released" }, charge: { amount: "0.000000" } });
  });

  it("and the responses.stream helper has no final response to give", async () => {
    const seen = await see("output=20;eof_after=6", async (openai) => {
      const stream = openai.responses.stream({ model: MODEL, input: "Hello" });
      await expect(stream.finalResponse()).rejects.toThrow();
      return stream;
    });
    expect(seen.error).not.toBeNull();
    expect((await receiptOf(seen)).usage).toMatchObject({ outcome: "cut" });
  });
});

describe("an event that is no JSON passes to the client, and the answer is charged to its end", () => {
  it("though the SDK gives up there", async () => {
    const seen = await see("output=8;malformed", response);
    expect(seen.error).toBeInstanceOf(SyntaxError);
    const receipt = await receiptOf(seen);
    expect(receipt.usage).toMatchObject({ outcome: "completed", output_tokens: 8, estimated: false });
    expect(charged(receipt)).toBe(8);
  });
});

describe("signs of life in a stream that is silent", () => {
  const CODEX = { originator: "codex_exec" };

  it("are events that the SDK passes on with a type of their own", async () => {
    const seen = await see("output=8;think=1500", response, CODEX);
    expect(seen.error).toBeNull();
    const types = typesOf(seen);
    expect(types.filter((type) => type === "keepalive").length).toBeGreaterThan(0);
    expect(types.at(-1)).toBe("response.completed");
    expect(wordsOf(seen)).toBe(8);
    expect(charged(await receiptOf(seen))).toBe(8);
  });

  it("do not disturb the responses.stream helper", async () => {
    let text = "";
    const seen = await see(
      "output=8;think=1500",
      async (openai) => {
        const stream = openai.responses.stream({ model: MODEL, input: "Hello" });
        const final = await stream.finalResponse();
        text = final.output_text;
        return stream;
      },
      CODEX,
    );
    expect(seen.error).toBeNull();
    expect(text.split(" ").length).toBe(8);
    expect(charged(await receiptOf(seen))).toBe(8);
  });

  it("are not sent to other clients", async () => {
    const seen = await see("output=8;think=1500", response);
    expect(typesOf(seen)).not.toContain("keepalive");
  });
});

describe("a client that leaves", () => {
  it.each(["response.created", "response.output_text.delta", "response.output_item.done"])(
    "after %s is charged what upstream reports",
    async (type) => {
      const seen = await see("output=8;pace=10", async (openai) => {
        const stream = await response(openai);
        async function* until() {
          for await (const event of stream) {
            yield event;
            if (event.type === type) return;
          }
        }
        return until();
      });
      expect(typesOf(seen).at(-1)).toBe(type);
      const receipt = await receiptOf(seen);
      expect(receipt.usage).toMatchObject({ outcome: "completed", output_tokens: 8, estimated: false });
      expect(charged(receipt)).toBe(8);
    },
  );
});
