import { expect } from "vitest";
import { micro } from "../../system/customer.ts";
import { type Cell, situation } from "./cell.ts";
import { answersIn } from "./charges.ts";
import { ALL, CODEX, OPENAI_JSON } from "./columns.ts";
import { RATES } from "./offer.ts";

/** Ours, and what Codex makes of the same answer. */
const OVERLOADED = /The model provider is overloaded|Selected model is at capacity/;
const ENOUGH_MS = 30_000;

/** Clients that read their answers as they come. */
const STREAMED = ALL.filter((client) => client !== OPENAI_JSON);

/** The user is told within half a minute, after a bounded number of requests, and pays nothing. */
async function expectOverload(cell: Cell): Promise<void> {
  const { error } = await cell.once("Say hello", { signal: AbortSignal.timeout(ENOUGH_MS) });
  expect(cell.tap.asked).toBeLessThanOrEqual(cell.client.asks.overloaded);
  expect(error).toMatch(OVERLOADED);
  expect(await cell.charged()).toBe(0);
}

situation(
  "An upstream that fails is told as overload, soon and for nothing",
  ALL,
  { simulate: ["status=500"] },
  expectOverload,
);

situation(
  "An upstream's own rate limit is told as overload, soon and for nothing",
  ALL,
  { simulate: ["status=429;retry_after=1"] },
  expectOverload,
);

situation(
  "An upstream's own rate limit that ends a stream is waited for, and the turn completes",
  CODEX,
  { simulate: ["failed_no_usage;code=rate_limit_exceeded;output=0;pace=0", "output=20;pace=0"] },
  async (cell) => {
    const { error, text } = await cell.once("Say hello");
    expect(error).toBeNull();
    expect(text).toMatch(/\w{3}/);
    expect(cell.tap.asked).toBe(2);
  },
);

situation(
  "An upstream's own plan that is used up within a stream is not told as the customer's",
  STREAMED,
  { simulate: ["failed_no_usage;code=insufficient_quota;output=0;pace=0"] },
  async (cell) => {
    const { error } = await cell.once("Say hello", { signal: AbortSignal.timeout(ENOUGH_MS) });
    expect(error).not.toBeNull();
    expect(error).not.toMatch(/quota|billing|your plan/i);
    expect(await cell.charged()).toBe(0);
  },
);

situation(
  "A stream that always breaks in the middle is told as an error, and charged for what came at most",
  ALL,
  { simulate: ["cut_after=5;output=40;input=500;pace=0"] },
  async (cell) => {
    const { error } = await cell.once("Say hello", { signal: AbortSignal.timeout(ENOUGH_MS) });
    expect(error).not.toBeNull();
    const receipts = await cell.receipts();
    expect(receipts.length).toBeGreaterThan(0);
    for (const { usage, charge } of receipts) {
      expect(usage?.output_tokens).toBeLessThan(20);
      expect(usage?.estimated).toBe(usage?.outcome === "cut");
      expect(charge?.overshoot).toBe("0.000000");
    }
  },
);

situation(
  "A stream that breaks once is asked for again, and the turn completes",
  CODEX,
  { simulate: ["cut_after=5;output=40;input=500;pace=0", "output=20;input=500;pace=0"] },
  async (cell) => {
    const { error, text } = await cell.once("Say hello");
    expect(error).toBeNull();
    expect(text).toMatch(/\w{3}/);
    expect(cell.tap.asked).toBe(2);
  },
);

situation(
  "Usage that lacks its total and its details is completed on the way: one request, and one charge for what it tells",
  ALL,
  { simulate: ["usage=partial;output=20;input=1000;pace=0"] },
  async (cell) => {
    const { error, text } = await cell.once("Say hello");
    expect(error).toBeNull();
    expect(text).toMatch(/\w{3}/);
    expect(cell.tap.asked).toBe(1);
    // What it may have cached was not told, so the charge is marked as an estimate.
    const [receipt, ...others] = answersIn(await cell.receipts());
    expect(others).toEqual([]);
    expect(receipt?.usage).toMatchObject({ input_tokens: 1_000, output_tokens: 20 });
    expect(micro(receipt?.charge?.amount ?? "")).toBe(1_000 * RATES.input + 20 * RATES.output);
  },
);
