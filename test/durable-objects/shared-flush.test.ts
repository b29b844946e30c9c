import { beforeEach, describe, expect, it, vi } from "vitest";
import { type Later, SharedFlush } from "../../durable-objects/shared-flush.ts";
import type { LedgerMessage } from "../../src/core/ledger-message.ts";
import { SECOND, T0 } from "../support/core-fixtures.ts";

interface Timer {
  readonly at: number;
  readonly work: () => Promise<void>;
}

let now: number;
let timers: Timer[];
let sent: string[][];
let refusals: number;
let reports: string[];
let flush: SharedFlush;

beforeEach(() => {
  now = T0;
  timers = [];
  sent = [];
  refusals = 0;
  reports = [];
  flush = new SharedFlush({
    send: async (messages) => {
      if (refusals > 0) {
        refusals -= 1;
        throw new Error("the queue is away");
      }
      sent.push([...messages]);
    },
    now: () => now,
    report: (event) => void reports.push(event),
  });
  const wait = async (ms: number): Promise<void> => {
    now += ms;
  };
  vi.stubGlobal("scheduler", { wait });
});

const later: Later = (ms, work) => void timers.push({ at: now + ms, work });
/** A request whose runtime ends it before its timer rings. */
const dying: Later = () => {};

function entry(accountId: string, seq: number, bytes = 100): string {
  return JSON.stringify({ accountId, seq, filler: "x".repeat(bytes) });
}

/** Time goes on, and timers that are due ring. */
async function pass(ms: number): Promise<void> {
  const end = now + ms;
  for (;;) {
    const due = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
    if (!due) break;
    timers.splice(timers.indexOf(due), 1);
    now = Math.max(now, due.at);
    await due.work();
  }
  now = Math.max(now, end);
}

/** What was put on the queue, message by message. */
function messages(): string[][] {
  const entriesOf = (text: string) => (JSON.parse(text) as LedgerMessage).entries;
  return sent.flat().map((text) => entriesOf(text).map(({ accountId, seq }) => `${accountId} ${seq}`));
}

describe("entries that objects hand over", () => {
  it("go together within a moment, whoever's they are", async () => {
    flush.take([entry("acct_1", 1)], later);
    flush.take([entry("acct_2", 7)], later);
    flush.take([entry("acct_1", 2)], later);
    expect(messages()).toEqual([]);
    await pass(50);
    expect(messages()).toEqual([["acct_1 1", "acct_2 7", "acct_1 2"]]);
    expect(timers).toEqual([]);
  });

  it("wait two seconds for company where others have just gone", async () => {
    flush.take([entry("acct_1", 1)], later);
    await pass(100);
    flush.take([entry("acct_1", 2)], later);
    await pass(SECOND);
    flush.take([entry("acct_2", 1)], later);
    expect(messages()).toHaveLength(1);
    await pass(SECOND);
    expect(messages()).toEqual([["acct_1 1"], ["acct_1 2", "acct_2 1"]]);
  });

  it("go at once again after a rest", async () => {
    flush.take([entry("acct_1", 1)], later);
    await pass(10 * SECOND);
    flush.take([entry("acct_1", 2)], later);
    await pass(50);
    expect(messages()).toHaveLength(2);
  });

  it("are as many messages as they need, a few at a time", async () => {
    for (let seq = 1; seq <= 300; seq += 1) flush.take([entry("acct_1", seq, 2_000)], later);
    await pass(50);
    expect(messages().flat()).toEqual(Array.from({ length: 300 }, (_, index) => `acct_1 ${index + 1}`));
    expect(messages().length).toBe(11);
    for (const batch of sent) expect(batch.join("").length).toBeLessThan(256_000);
    expect(flush.flushed).toEqual({ entries: 300, messages: 11 });
  });

  it("do not pile up in memory", async () => {
    flush.take([entry("acct_1", 1)], later);
    await pass(100);
    for (let seq = 2; seq <= 90; seq += 1) flush.take([entry("acct_1", seq, 50_000)], later);
    await pass(0);
    expect(messages().flat().length).toBeGreaterThan(75);
    await pass(2 * SECOND);
    expect(messages().flat()).toHaveLength(90);
  });
});

describe("a request that dies before it has sent what it was to send", () => {
  it("is followed by the next one that comes", async () => {
    flush.take([entry("acct_1", 1)], dying);
    await pass(500);
    flush.take([entry("acct_2", 1)], later);
    expect(timers).toHaveLength(0);
    await pass(2 * SECOND);
    flush.take([entry("acct_3", 1)], later);
    await pass(50);
    expect(messages()).toEqual([["acct_1 1", "acct_2 1", "acct_3 1"]]);
  });

  it("keeps nobody waiting under a clock that was put back", async () => {
    flush.take([entry("acct_1", 1)], dying);
    now -= 3_600 * SECOND;
    flush.take([entry("acct_2", 1)], later);
    await pass(50);
    expect(messages()).toEqual([["acct_1 1", "acct_2 1"]]);
  });
});

describe("a queue that refuses", () => {
  it("is asked again twice", async () => {
    refusals = 2;
    flush.take([entry("acct_1", 1)], later);
    await pass(50);
    expect(messages()).toEqual([["acct_1 1"]]);
    expect(reports).toEqual([]);
  });

  it("is left alone after that: the object still has the entry, and an operator is told", async () => {
    refusals = 3;
    flush.take([entry("acct_1", 1)], later);
    await pass(50);
    expect(messages()).toEqual([]);
    expect(reports).toEqual(["entries_not_flushed"]);
    flush.take([entry("acct_1", 2)], later);
    await pass(5 * SECOND);
    expect(messages()).toEqual([["acct_1 2"]]);
  });
});
