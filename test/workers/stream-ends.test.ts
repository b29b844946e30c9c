import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  accountOf,
  ask,
  CHAT,
  endedReceipt,
  gatewayWith,
  newAccount,
  openGateway,
  RESPONSES,
  receiptOf,
  requestIdOf,
  type TestAccount,
} from "../support/gateway.ts";
import { readStream, StreamReader } from "../support/stream.ts";
import type { Receipt } from "../support/wire.ts";

let account: TestAccount;

beforeAll(async () => {
  await openGateway();
  account = await newAccount({ credits: "1000" });
});
afterEach(() => vi.useRealTimers());

/** Costs a tenth of a credit per output token; at most one credit. */
const BODY = { model: "flat-1", input: "x", max_output_tokens: 10, stream: true };
const CHAT_BODY = {
  model: "flat-1",
  messages: [{ role: "user", content: "x" }],
  max_completion_tokens: 10,
  stream: true,
};
const BODIES = { [RESPONSES]: BODY, [CHAT]: CHAT_BODY } as const;
type Route = keyof typeof BODIES;

/** An upstream that is given up on when it is silent for so long. */
const IDLE_MS = 300;
const impatient = gatewayWith({ UPSTREAM_IDLE_MS: String(IDLE_MS), SPILLWAY_KEEPALIVE_MS: "50" });
/** A client that is shown often that its stream is alive. */
const lively = gatewayWith({ SPILLWAY_KEEPALIVE_MS: "50" });

async function nothingIsHeld(): Promise<void> {
  expect((await accountOf(account)).credits.reserved).toBe("0.000000");
}

/** The last event of a stream of responses. */
function lastEvent(text: string): { type: string; response: { usage: unknown } } {
  return JSON.parse(text.slice(text.lastIndexOf("data: ") + "data: ".length));
}

/** What a stream's end is to its client, and what it costs. */
interface End {
  readonly name: string;
  readonly simulate: string;
  readonly broken: boolean;
  readonly outcome: string;
  readonly estimated: boolean;
  /** The charge, or the most that it may be; more than nothing, where it is not exactly nothing. */
  readonly charge: string | { readonly most: number };
  readonly state?: "released";
  readonly routes?: readonly Route[];
}

const EXACT = { broken: false, estimated: false, charge: "0.400000" } as const;
const CUT = { broken: true, outcome: "cut", estimated: true, charge: { most: 0.5 } } as const;
const NOTHING = { outcome: "upstream_error", estimated: false, charge: "0.000000", state: "released" } as const;

const ENDS: readonly End[] = [
  { name: "completed", simulate: "output=4", outcome: "completed", ...EXACT },
  { name: "incomplete", simulate: "output=4;incomplete", outcome: "incomplete", ...EXACT },
  { name: "cut short by a filter", simulate: "output=4;incomplete=content_filter", outcome: "incomplete", ...EXACT },
  { name: "failed with usage", simulate: "output=4;failed", outcome: "failed", ...EXACT, routes: [RESPONSES] },
  {
    name: "failed without usage",
    simulate: "output=4;failed_no_usage",
    broken: false,
    outcome: "failed",
    estimated: true,
    charge: { most: 0.5 },
  },
  {
    name: "no usage",
    simulate: "output=4;no_usage",
    broken: false,
    outcome: "completed",
    estimated: true,
    charge: { most: 0.5 },
  },
  {
    name: "usage that cannot be true",
    simulate: "output=4;usage=broken",
    broken: false,
    outcome: "completed",
    estimated: true,
    charge: { most: 0.5 },
  },
  {
    name: "partial usage",
    simulate: "output=4;usage=partial",
    broken: false,
    outcome: "completed",
    estimated: true,
    charge: "0.400000",
  },
  { name: "an event that is no JSON", simulate: "output=4;malformed", outcome: "completed", ...EXACT },
  { name: "cut", simulate: "output=9;cut_after=4", ...CUT },
  { name: "cut before the last event", simulate: "output=4;cut_after=99", ...CUT },
  { name: "cut before the first word", simulate: "cut_after=0", broken: true, ...NOTHING },
  { name: "a clean end too early", simulate: "output=9;eof_after=4", ...CUT },
  { name: "a clean end before the last event", simulate: "output=4;eof_after=99", ...CUT },
  { name: "a clean end before the first word", simulate: "eof_after=0", broken: true, ...NOTHING },
  { name: "an event beyond all bounds", simulate: "output=8;big_line=9000000", ...CUT },
];

describe("how a stream ends decides what its client sees and what it costs", () => {
  const rows = ENDS.flatMap((end) =>
    (end.routes ?? [RESPONSES, CHAT]).map((route) => ({ ...end, route: route as Route })),
  );

  // C8
  test.each(rows)("$name ($route)", async ({ route, simulate, broken, outcome, estimated, charge, state }) => {
    const response = await ask(account, BODIES[route], { route, simulate: `${simulate};pace=1` });
    expect(response.status).toBe(200);
    expect((await readStream(response)).broken).toBe(broken);
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt).toMatchObject({ reservation: { state: state ?? "settled" }, usage: { outcome, estimated } });
    expectCharge(receipt, charge);
    await nothingIsHeld();
  });

  // C8
  test.each([RESPONSES, CHAT] as const)("silence (%s)", async (route) => {
    // A machine that is slow must not look like an upstream that is silent.
    vi.useFakeTimers({ toFake: ["Date"] });
    const options = { route, simulate: "output=9;stall_after=4;pace=1", gateway: impatient };
    const stream = new StreamReader(await ask(account, BODIES[route], options));
    // A chat opens with an empty content of its own.
    if (route === CHAT) await stream.until('"content":"', 5);
    else await stream.until("event: response.output_text.delta", 4);
    vi.setSystemTime(Date.now() + IDLE_MS + 1);
    await expect(stream.rest()).rejects.toThrow();
    const receipt = await endedReceipt(account, stream.requestId);
    expect(receipt).toMatchObject({
      reservation: { state: "settled" },
      usage: { outcome: CUT.outcome, estimated: CUT.estimated },
    });
    expectCharge(receipt, CUT.charge);
    await nothingIsHeld();
  });

  function expectCharge(receipt: Receipt, charge: End["charge"]): void {
    if (typeof charge === "string") expect(receipt.charge?.amount).toBe(charge);
    else {
      expect(Number(receipt.charge?.amount)).toBeGreaterThan(0);
      expect(Number(receipt.charge?.amount)).toBeLessThanOrEqual(charge.most);
    }
  }

  test("what arrived before a break reaches the client", async () => {
    for (const [route, body] of Object.entries(BODIES)) {
      const whole = await readStream(await ask(account, body, { route, simulate: "output=8;pace=1" }));
      const cut = await readStream(await ask(account, body, { route, simulate: "output=8;cut_after=4;pace=1" }));
      const words = (text: string) => text.match(/"(?:delta|content)":"[^"]+"/g) ?? [];
      expect(words(cut.text)).toEqual(words(whole.text).slice(0, 4));
    }
  });
});

describe("usage that a coding client could not read", () => {
  test.each([false, true])(
    "is completed, so that it does not ask again for what was paid (stream: %s)",
    async (stream) => {
      const simulate = "input=20;output=4;pace=1;usage=partial";
      const response = await ask(account, { ...BODY, stream }, { simulate });
      const text = await response.text();
      const { usage } = stream ? lastEvent(text).response : JSON.parse(text);
      expect(usage).toMatchObject({ input_tokens_details: { cached_tokens: 0 }, total_tokens: 24 });
      await endedReceipt(account, requestIdOf(response));
    },
  );

  test.each([false, true])("is left out where it cannot be true (stream: %s)", async (stream) => {
    const response = await ask(account, { ...BODY, stream }, { simulate: "output=4;pace=1;usage=huge" });
    const text = await response.text();
    expect((stream ? lastEvent(text).response : JSON.parse(text)).usage).toBeNull();
    await endedReceipt(account, requestIdOf(response));
  });

  test("and no other answer is touched", async () => {
    const response = await ask(account, BODY, { simulate: "input=20;output=4;pace=1" });
    expect(lastEvent(await response.text()).response.usage).toMatchObject({ input_tokens: 20, total_tokens: 24 });
    await endedReceipt(account, requestIdOf(response));
  });
});

describe("a stream that is silent while the model thinks", () => {
  const CODEX = { originator: "codex_exec" };
  const SIGN = 'event: keepalive\ndata: {"type":"keepalive","sequence_number":0}\n\n';
  // Silences enough that one in which the machine stalls is none too many.
  const options = { simulate: "output=4;think=500;pace=200", gateway: lively };

  test("shows a coding client that it is alive, between whole events and free of charge", async () => {
    const response = await ask(account, BODY, { ...options, headers: CODEX });
    const { text, broken } = await readStream(response);
    expect(broken).toBe(false);
    const events = text.split("\n\n").slice(0, -1);
    const signs = events.filter((event) => `${event}\n\n` === SIGN);
    expect(signs.length).toBeGreaterThan(1);
    for (const event of events) expect(event).toMatch(/^event: [\w.]+\ndata: \{.*\}$/);
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt).toMatchObject({ usage: { output_tokens: 4, estimated: false }, charge: { amount: "0.400000" } });
  });

  test("is left alone for every other client", async () => {
    const others = [
      await ask(account, BODY, options),
      await ask(account, CHAT_BODY, { ...options, route: CHAT, headers: CODEX }),
    ];
    for (const response of others) {
      expect((await readStream(response)).text).not.toContain("keepalive");
      await endedReceipt(account, requestIdOf(response));
    }
  });

  test("and is cut all the same when upstream stays silent", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const options = { simulate: "output=4;stall_after=2;pace=1", gateway: impatient, headers: CODEX };
    const stream = new StreamReader(await ask(account, BODY, options));
    await stream.until("event: response.output_text.delta", 2);
    await stream.until("event: keepalive");
    vi.setSystemTime(Date.now() + IDLE_MS + 1);
    await expect(stream.rest()).rejects.toThrow();
    const receipt = await endedReceipt(account, stream.requestId);
    expect(receipt.usage).toMatchObject({ outcome: "cut", estimated: true });
  });
});

// C12
describe("a client that leaves", () => {
  const cases = [
    ["before the first word", RESPONSES, "response.created"],
    ["in the middle", RESPONSES, "output_text.delta"],
    ["in the middle of a chat", CHAT, '"content":'],
    ["after the last event", RESPONSES, "response.completed"],
    ["after the last choice", CHAT, '"finish_reason":"stop"'],
  ] as const;

  test.each(cases)("%s (%s) is charged what upstream reports", async (_, route, seen) => {
    const response = await ask(account, BODIES[route], { route, simulate: "input=20;output=8;pace=10" });
    const stream = new StreamReader(response);
    await stream.until(seen);
    await stream.leave();
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt).toMatchObject({
      usage: { input_tokens: 20, output_tokens: 8, outcome: "completed", estimated: false },
      charge: { amount: "0.800000" },
    });
    await nothingIsHeld();
  });

  test("before upstream breaks off is charged what was seen of the answer", async () => {
    const response = await ask(account, BODY, { simulate: "output=9;cut_after=6;pace=10" });
    const stream = new StreamReader(response);
    await stream.until("output_text.delta");
    await stream.leave();
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt.usage).toMatchObject({ outcome: "cut", estimated: true });
    // More than the client has seen, and less than the whole.
    expect(Number(receipt.charge?.amount)).toBeGreaterThanOrEqual(0.6);
    expect(Number(receipt.charge?.amount)).toBeLessThan(0.9);
  });

  test("leaves its reservation standing until upstream has ended", async () => {
    const response = await ask(account, BODY, { simulate: "output=8;pace=300" });
    const stream = new StreamReader(response);
    await stream.until("output_text.delta");
    await stream.leave();
    expect((await receiptOf(account, requestIdOf(response))).reservation.state).toBe("pending");
    await endedReceipt(account, requestIdOf(response));
    await nothingIsHeld();
  });
});
