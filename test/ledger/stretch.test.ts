import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openingEntry } from "../../src/core/carry-over.ts";
import type { ChainedEntry } from "../../src/core/event.ts";
import { entriesOf, type Span } from "../../src/ledger/history.ts";
import { dailyTotals, type KindTotal, kindTotals } from "../../src/ledger/kind-totals.ts";
import { STRETCHES_OF_ACCOUNT } from "../../src/ledger/stretch.ts";
import { USAGE_GROUPS, type UsageGroup, type UsageTotal, usageTotals } from "../../src/ledger/usage-report.ts";
import { writeEntries, writeOpening } from "../../src/ledger/write.ts";
import { accountWith, DAY, emptyRow, grantOf, HOUR, planOf, sha256, T0 } from "../support/core-fixtures.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { History } from "./history.ts";

const ACTS = [
  "request",
  "request",
  "two grants",
  "refused",
  "late",
  "denied",
  "refund",
  "correction",
  "grant",
] as const;

/** What happens next to an account, and how far its clock has come since: below zero where it was put back. */
const step = fc.record({
  act: fc.constantFrom(...ACTS),
  passed: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 6 * HOUR }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 10 * DAY }) },
    { weight: 2, arbitrary: fc.integer({ min: -DAY, max: 0 }) },
  ),
  isMissing: fc.integer({ min: 0, max: 9 }).map((lot) => lot === 0),
});

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** The history of these steps, and the entries of it that have arrived. The clock is never a day behind its latest. */
function live(steps: readonly Step[], since: number, opening: ChainedEntry | null = null): ChainedEntry[] {
  const { epoch, seq, hash: head } = opening ?? { epoch: 1, seq: 0, hash: emptyRow().head };
  const history = new History("acct_1", planOf(), accountWith({ id: "acct_1", epoch, seq, head }));
  history.now = since;
  history.give(grantOf(`grt_${epoch}`, 100_000));
  const arrived = [...history.entries];
  const open: string[] = [];
  let latest = since;
  for (const [index, { act, passed, isMissing }] of steps.entries()) {
    const known = history.entries.length;
    history.now = latest + passed;
    happen(history, act, `req_${epoch}x${index}`, open);
    const written = history.entries.slice(known);
    if (!isMissing) arrived.push(...written);
    latest = Math.max(latest, ...written.map(({ at }) => at));
  }
  return arrived;
}

/** The next epoch of a ledger that ends with what has arrived of `before`. */
async function goOn(
  db: D1Database,
  before: readonly ChainedEntry[],
  steps: readonly Step[],
  since: number,
): Promise<ChainedEntry[]> {
  const { accountId, epoch, seq, hash: head } = newestOf(before);
  const opening = openingEntry(sha256, { accountId, epoch, seq, head, balance: 0 }, "the object was lost", since);
  expect(await writeOpening(db, opening)).toBe(true);
  const entries = live(steps, since, opening);
  await writeEntries(db, entries);
  return [opening, ...entries];
}

function newestOf(entries: readonly ChainedEntry[]): ChainedEntry {
  return entries.reduce((newest, entry) => (entry.seq > newest.seq ? entry : newest));
}

/** `open` are requests that nothing was done about since they ended. */
function happen(history: History, act: Step["act"], id: string, open: string[]): void {
  const ended = act === "refund" || act === "correction" ? open.shift() : undefined;
  if (act === "refund" && ended) history.refunds(ended, 1, "poor answer");
  else if (act === "correction" && ended) history.corrects(ended, history.entries.length % 2 === 0 ? 2 : 0.5, 2);
  else if (act === "refused") history.refused(id, 3);
  else if (act === "denied") history.denied([id, `${id}b`], 1_000_000);
  else if (act === "grant") history.give(grantOf(`grt_${id}`, 2, { priority: 1 }));
  else {
    if (act === "late") history.late(id, 3, 7);
    else if (act === "two grants") history.give(grantOf(`grt_${id}`, 2, { priority: 1 })).request(id, 9, 6);
    else history.request(id, 5, 4);
    open.push(id);
  }
}

function isWithin({ from, to }: Span): (entry: ChainedEntry) => boolean {
  return ({ at }) => at >= from && at < to;
}

function addedUp<Item>(items: readonly Item[], amountOf: (item: Item) => number): number {
  return items.reduce((total, item) => total + amountOf(item), 0);
}

/** The report, added up from all entries. */
function reportOf(entries: readonly ChainedEntry[], span: Span, groupBy: readonly UsageGroup[]): UsageTotal[] {
  const happened = entries.filter(isWithin(span)).flatMap(({ usage, monetization, at }) => {
    if (!usage) return [];
    const day = groupBy.includes("day") ? new Date(at).toISOString().slice(0, 10) : null;
    const feature = groupBy.includes("feature") ? usage.feature : null;
    const model = groupBy.includes("model") ? usage.model : null;
    return [{ usage, monetization, group: { day, feature, model } }];
  });
  const ids = new Set(entries.flatMap(({ usage }) => usage?.id ?? []));
  const back = entries
    .flatMap(({ updates }) => updates)
    .filter(({ kind }) => ["refund", "grant", "overshoot_refund"].includes(kind));
  const groups = new Map(happened.map(({ group }) => [JSON.stringify(group), group]));
  return [...groups].sort().map(([key, group]) => {
    const events = happened.filter((event) => JSON.stringify(event.group) === key);
    const counted = events.filter(
      ({ usage: { id, outcome } }) => outcome !== "corrected" && !(outcome === "expired" && ids.has(`${id}~late`)),
    );
    const charges = new Set(events.flatMap(({ monetization }) => monetization?.id ?? []));
    return {
      ...group,
      requests: events.filter(({ usage }) => !["late", "corrected", "denied"].includes(usage.outcome)).length,
      denied: addedUp(events, ({ usage }) => usage.decision.denial?.count ?? 0),
      inputTokens: addedUp(counted, ({ usage }) => usage.usage.inputTokens),
      cachedInputTokens: addedUp(counted, ({ usage }) => usage.usage.cachedInputTokens),
      outputTokens: addedUp(counted, ({ usage }) => usage.usage.outputTokens),
      reasoningTokens: addedUp(counted, ({ usage }) => usage.usage.reasoningTokens),
      seconds: addedUp(counted, ({ usage }) => usage.usage.seconds),
      charge: addedUp(events, ({ monetization }) => monetization?.amount ?? 0),
      refunded: addedUp(
        back.filter(({ cause }) => charges.has(cause)),
        ({ amount }) => amount,
      ),
    };
  });
}

function kindsOf(entries: readonly ChainedEntry[]): KindTotal[] {
  const updates = entries.flatMap((entry) => entry.updates);
  const kinds = [...new Set(updates.map(({ kind }) => kind))].sort();
  return kinds.map((kind) => {
    const same = updates.filter((update) => update.kind === kind);
    return { kind, count: same.length, amount: addedUp(same, ({ amount }) => amount) };
  });
}

async function gather<Item>(pages: AsyncIterable<readonly Item[]>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const page of pages) items.push(...page);
  return items;
}

const ledgers = fc.record({
  first: fc.array(step, { minLength: 100, maxLength: 160, size: "max" }),
  // An object that was restored goes on in another epoch; sometimes it has hardly begun.
  second: fc.array(step, { minLength: 0, maxLength: 120, size: "max" }),
});
const edge = fc.record({
  share: fc.double({ min: -0.05, max: 1.05, noNaN: true }),
  beside: fc.integer({ min: -1, max: 1 }),
});
const spans = fc.array(fc.tuple(edge, edge), { minLength: 8, maxLength: 8 });

describe("whatever is asked of a span of time", () => {
  it("has all entries of the span and no others, over epochs, gaps and clocks that were put back", async () => {
    await fc.assert(
      fc.asyncProperty(ledgers, spans, async ({ first, second }, edges) => {
        const { db } = migratedD1();
        const before = live(first, T0);
        const end = Math.max(...before.map(({ at }) => at));
        const others = new History("acct_2").give(grantOf("grt_a", 9)).request("req_1", 2, 2).entries;
        await writeEntries(db, [...before, ...others]);
        const after = second.length > 0 ? await goOn(db, before, second, end + HOUR) : [];
        const entries = [...before, ...after];
        const instants = entries.map(({ at }) => at).sort((a, b) => a - b);
        // An edge is the instant of an entry, or one beside it.
        const instantAt = ({ share, beside }: { share: number; beside: number }): number => {
          if (share > 1) return end + 100 * DAY;
          return share < 0 ? T0 - DAY : (instants[Math.floor(share * (instants.length - 1))] ?? T0) + beside;
        };
        for (const [index, [one, other]] of edges.entries()) {
          const [from = 0, to = 0] = [instantAt(one), instantAt(other)].sort((a, b) => a - b);
          const span = { from, to };
          const within = entries.filter(isWithin(span));
          const groupBy = USAGE_GROUPS.filter((_, group) => (index >> group) % 2 === 1);
          const usage = await usageTotals(db, "acct_1", { ...span, groupBy });
          expect(usage).toEqual(reportOf(entries, span, groupBy));
          expect(await gather(entriesOf(db, "acct_1", span))).toEqual(within);
          expect(await kindTotals(db, { accountId: "acct_1", ...span })).toEqual(kindsOf(within));
          const all = [...within, ...others.filter(isWithin(span))];
          expect(await kindTotals(db, { accountId: null, ...span })).toEqual(kindsOf(all));
          const dayOf = ({ at }: ChainedEntry) => new Date(at).toISOString().slice(0, 10);
          const days = [...new Set(all.map(dayOf))].sort();
          expect(await dailyTotals(db, { accountId: null, ...span })).toEqual(
            days.map((day) => ({ day, totals: kindsOf(all.filter((entry) => dayOf(entry) === day)) })),
          );
        }
      }),
      { numRuns: 40 },
    );
  }, 120_000);

  it("is looked for no further than a day beside the span", async () => {
    const { db } = migratedD1();
    const history = new History("acct_1").give(grantOf("grt_a", 1_000));
    for (let hour = 1; hour <= 2_000; hour += 1) {
      history.now = T0 + hour * HOUR;
      history.denied([`req_${hour}`], 5_000);
    }
    for (let first = 0; first < history.entries.length; first += 500) {
      await writeEntries(db, history.entries.slice(first, first + 500));
    }
    const stretches = (from: number, to: number) =>
      db.prepare(`${STRETCHES_OF_ACCOUNT} SELECT epoch, before, last FROM stretch`).bind("acct_1", from, to).all();
    const begun = 1_000;
    const { results } = await stretches(T0 + begun * HOUR, T0 + (begun + 24) * HOUR);
    // The grant is the first entry, so that of hour 1 is the second.
    expect(results).toEqual([{ epoch: 1, before: begun - 24, last: begun + 48 }]);
    expect((await stretches(T0 - 10 * DAY, T0 - 5 * DAY)).results).toEqual([]);
    expect((await stretches(T0 + 1_000 * DAY, T0 + 2_000 * DAY)).results).toEqual([]);
  });
});
