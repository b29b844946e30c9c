import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../scripts/repository.ts";
import { type Verified, verifyLedger } from "../../scripts/verify.mjs";
import { type ChainedEntry, chain, genesis } from "../../src/core/event.ts";
import { exportLedger } from "../../src/ledger/export.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import { fullHistory, History, rateOf } from "../ledger/history.ts";
import { RECORDED_ENTRIES, recordedRateOf } from "../ledger/recorded.ts";
import { grantOf, sha256, T0 } from "../support/core-fixtures.ts";
import { exportOf, textOf } from "../support/ledger-export.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";

const VERIFIER = join(ROOT, "scripts/verify.mjs");

function verify(text: string | Uint8Array): Promise<Verified> {
  return verifyLedger([Buffer.from(text)]);
}

async function badLine(text: string | Uint8Array): Promise<number> {
  const verified = await verify(text);
  if (verified.ok) throw new Error("it was accepted");
  return verified.line;
}

async function reasonOf(text: string): Promise<string> {
  const verified = await verify(text);
  return verified.ok ? "accepted" : `${verified.line}: ${verified.reason}`;
}

/** A short history with a charge over two sources and an overshoot. */
const small = () =>
  new History().give(grantOf("grt_a", 5)).give(grantOf("grt_b", 3)).request("req_1", 6, 6).request("req_2", 1, 4);

let text: string;
beforeAll(async () => {
  text = await exportOf(small());
});

describe("an export verifies", () => {
  it("with every kind of entry that there is", async () => {
    const history = fullHistory();
    const verified = await verify(await exportOf(history));
    expect(verified).toMatchObject({
      ok: true,
      summary: { entries: history.entries.length, balance: history.state.row.balance, head: history.state.row.head },
    });
    if (verified.ok) expect(new Map(verified.summary.grants)).toEqual(new Map(history.head().grants));
  });

  it("with every kind of price, as version 1 charged them", async () => {
    const { db } = migratedD1();
    await writeEntries(db, RECORDED_ENTRIES);
    const last = RECORDED_ENTRIES.at(-1);
    if (!last) throw new Error("nothing was recorded");
    const balance = last.updates.at(-1)?.balanceAfter ?? 0;
    const head = new History("acct_fixture").head({ seq: last.seq, head: last.hash, balance });
    const stream = await exportLedger({ db, rateOf: recordedRateOf }, "acct_fixture", head, T0);
    expect(await verify(await textOf(stream))).toMatchObject({ ok: true, summary: { entries: last.seq } });
  });

  it("before anything was granted or used", async () => {
    const empty = await exportOf(new History());
    expect(empty.trim().split("\n")).toHaveLength(2);
    expect(await verify(empty)).toMatchObject({ ok: true, summary: { entries: 0, balance: 0 } });
  });

  it("however its bytes are cut into chunks", async () => {
    const bytes = Buffer.from(text);
    for (const size of [1, 7, 1_000]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      expect((await verifyLedger(chunks)).ok).toBe(true);
    }
  });

  it("up to the first entry that is on its way, and no further", async () => {
    const history = small();
    const { db } = migratedD1();
    await writeEntries(db, [history.at(1), history.at(2), history.at(4)]);
    const head = history.head({ unconfirmed: [3, 4] });
    const stream = await exportLedger({ db, rateOf }, history.id, head, T0);
    expect(await verify(await textOf(stream))).toMatchObject({ ok: true, summary: { entries: 2 } });
  });

  it("also when entries arrive while it is made: it ends where it began", async () => {
    const history = new History().give(grantOf("grt_a", 1_000));
    for (let index = 1; index <= 450; index += 1) history.request(`req_${index}`, 1, 1);
    const { db } = migratedD1();
    await writeEntries(db, history.entries);
    const reader = (await exportLedger({ db, rateOf }, history.id, history.head(), T0)).getReader();
    const chunks: Uint8Array[] = [];
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      chunks.push(read.value);
      const before = history.entries.length;
      history.request(`req_new${before}`, 1, 1);
      await writeEntries(db, history.entries.slice(before));
    }
    // The header, three pages, the end line: it was never whole in memory.
    expect(chunks.length).toBeGreaterThanOrEqual(5);
    expect(await verifyLedger(chunks)).toMatchObject({ ok: true, summary: { entries: 451 } });
  });
});

describe("a changed byte is found", () => {
  // A last newline that becomes other white space leaves every value as it was: that one is no change.
  const isSame = (changed: Uint8Array): boolean => Buffer.from(changed).toString("latin1").trimEnd() === text.trimEnd();

  it("wherever in the file it is", async () => {
    const bytes = Buffer.from(text);
    const accepted: number[] = [];
    for (let place = 0; place < bytes.length; place += 1) {
      for (const mask of [0x01, 0x10]) {
        const changed = Buffer.from(bytes);
        changed[place] = (bytes[place] ?? 0) ^ mask;
        if (isSame(changed)) continue;
        if ((await verify(changed)).ok) accepted.push(place);
      }
    }
    expect(accepted).toEqual([]);
  });

  it("whatever it becomes", async () => {
    const bytes = Buffer.from(text);
    const place = fc.integer({ min: 0, max: bytes.length - 1 });
    await fc.assert(
      fc.asyncProperty(place, fc.integer({ min: 0, max: 255 }), async (at, value) => {
        const changed = Buffer.from(bytes);
        changed[at] = value;
        if (value === bytes[at] || isSame(changed)) return;
        expect((await verify(changed)).ok).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  it("in an entry, at the line of that entry", async () => {
    const lines = text.trimEnd().split("\n");
    for (let line = 2; line < lines.length; line += 1) {
      const changed = lines.with(line - 1, (lines[line - 1] ?? "").replace(/"at":(\d)/, '"at":9$1'));
      expect(await badLine(changed.join("\n"))).toBe(line);
    }
  });
});

type Json = Record<string, unknown>;

/** Rewrites an export as a careful forger would: changed, chained anew from genesis, with a fitting end line. */
function forged(change: {
  header?: (header: Json) => void;
  entries?: (entries: ChainedEntry[]) => ChainedEntry[];
}): string {
  const values = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Json);
  const header = values[0] ?? {};
  change.header?.(header);
  const changed = (change.entries ?? ((same) => same))(values.slice(1, -1) as unknown as ChainedEntry[]);
  let head = genesis(sha256, "acct_1", 1);
  const entries = changed.map(({ prev: _prev, hash: _hash, ...entry }) => {
    const linked = chain(sha256, entry, head);
    head = linked.hash;
    return linked;
  });
  const body = [header, ...entries].map((value) => `${JSON.stringify(value)}\n`).join("");
  const balance = entries.at(-1)?.updates.at(-1)?.balanceAfter ?? 0;
  const end = { type: "end", seq: entries.at(-1)?.seq ?? 0, head, entries: entries.length, balance };
  return `${body}${JSON.stringify({ ...end, sha256: sha256(body) })}\n`;
}

/** Changes one entry by its sequence number. */
function entry(seq: number, change: (entry: Json & { usage: Json; monetization: Json; updates: Json[] }) => void) {
  return (entries: ChainedEntry[]): ChainedEntry[] => {
    const found = entries[seq - 1];
    if (found) change(found as unknown as Parameters<typeof change>[0]);
    return entries;
  };
}

describe("a forgery with a perfect chain is found", () => {
  it("only if something is forged", async () => {
    expect(await reasonOf(forged({}))).toBe("accepted");
  });

  it.each<[string, RegExp, Parameters<typeof forged>[0]]>([
    [
      "a charge above the price",
      /^4: mon_1.1: its usage costs 6000000, and 6000001 was charged$/,
      {
        entries: entry(3, ({ monetization, updates }) => {
          Object.assign(monetization, { amount: 6_000_001 });
          Object.assign(updates[1] ?? {}, { amount: 1_000_001, delta: -1_000_001, balanceAfter: 1_999_999 });
        }),
      },
    ],
    [
      "less usage than was charged",
      /^4: mon_1.1: its usage costs 5000000, and 6000000 was charged$/,
      { entries: entry(3, ({ usage }) => Object.assign(usage.usage as Json, { outputTokens: 5 })) },
    ],
    [
      "another price in the header",
      /^4: mon_1.1: its usage costs/,
      {
        header: (header) => {
          const rates = header.rates as Record<string, Record<string, { tokens: Json }>>;
          Object.assign(rates["default@1"]?.["gpt-5.4"]?.tokens ?? {}, { output: 1 });
        },
      },
    ],
    [
      "no price in the header",
      /^4: the header has no rate/,
      { header: (header) => Object.assign(header, { rates: {} }) },
    ],
    [
      "an estimate above the price",
      /^4: mon_1.1: its usage costs at most 5000000/,
      {
        entries: entry(3, ({ usage }) => {
          Object.assign(usage, { estimated: true });
          Object.assign(usage.usage as Json, { outputTokens: 5 });
        }),
      },
    ],
    [
      "a payment that is missing",
      /^4: mon_1.1: 6000000 was charged and 5000000 was paid$/,
      { entries: entry(3, ({ updates }) => updates.pop()) },
    ],
    [
      "a running balance that jumps",
      /^3: bal_1.1.2.0: the running balance is 8000000, and not 8000001$/,
      { entries: entry(2, ({ updates }) => Object.assign(updates[0] ?? {}, { balanceAfter: 8_000_001 })) },
    ],
    [
      "a delta that is not the amount",
      /^2: bal_1.1.1.0: the delta of a grant of 5000000 is 5000000/,
      { entries: entry(1, ({ updates }) => Object.assign(updates[0] ?? {}, { delta: 4_000_000 })) },
    ],
    [
      "a grant that gives more than it has",
      /^4: bal_1.1.3.0: grant grt_b gives 2000000 more than it had$/,
      { entries: entry(3, ({ updates }) => Object.assign(updates[0] ?? {}, { source: "grt_b" })) },
    ],
    [
      "a grant that was never given",
      /^4: bal_1.1.3.0: grant grt_x was never granted$/,
      { entries: entry(3, ({ updates }) => Object.assign(updates[0] ?? {}, { source: "grt_x" })) },
    ],
    [
      "an overshoot that was not given back",
      /^5: /,
      {
        entries: entry(4, ({ updates }) =>
          updates.splice(
            updates.findIndex(({ kind }) => kind === "overshoot_refund"),
            1,
          ),
        ),
      },
    ],
    [
      "a charge without a charge event",
      /^4: bal_1.1.3.0: a debit without a charge$/,
      { entries: entry(3, (copy) => Object.assign(copy, { monetization: null })) },
    ],
    [
      "a request that is charged twice",
      /use_1.1 is charged twice$/,
      {
        entries: (entries) => {
          const again = structuredClone(entries[2]) as unknown as
            | { seq: number; updates: Json[]; usage: Json }
            | undefined;
          if (!again) return entries;
          again.seq = 4;
          // Free, so that the balance is enough for it.
          Object.assign(again, {
            updates: [
              {
                ...again.updates[0],
                id: "bal_1.1.4.0",
                kind: "overshoot_refund",
                source: null,
                amount: 6_000_000,
                delta: 6_000_000,
                balanceAfter: 8_000_000,
              },
              {
                ...again.updates[0],
                id: "bal_1.1.4.1",
                draw: 1,
                kind: "overshoot",
                source: null,
                amount: 6_000_000,
                delta: -6_000_000,
                balanceAfter: 2_000_000,
              },
            ],
          });
          return [...entries.slice(0, 3), again as unknown as ChainedEntry];
        },
      },
    ],
    [
      "an entry that was left out",
      /^3: entry 2 should stand here, and not 3$/,
      { entries: (entries) => entries.toSpliced(1, 1) },
    ],
    [
      "another account's entry",
      /^3: the entry is of another account$/,
      { entries: entry(2, (copy) => Object.assign(copy, { accountId: "acct_2" })) },
    ],
    [
      "an unknown kind of update",
      /^2: bal_1.1.1.0: unknown kind "gift"$/,
      { entries: entry(1, ({ updates }) => Object.assign(updates[0] ?? {}, { kind: "gift" })) },
    ],
    [
      "an unknown version",
      /^1: this verifier knows version 1/,
      { header: (header) => Object.assign(header, { v: 2 }) },
    ],
    [
      "another account's name",
      /^1: the genesis is not/,
      { header: (header) => Object.assign(header, { account: "acct_2" }) },
    ],
  ])("%s", async (_, reason, change) => {
    expect(await reasonOf(forged(change))).toMatch(reason);
  });
});

describe("a file that is not whole", () => {
  it.each<[string, RegExp, (lines: string[]) => string[]]>([
    ["without its end", /^6: the file is cut off/, (lines) => lines.slice(0, -1)],
    ["cut in a line", /^3: is not JSON$/, (lines) => [...lines.slice(0, 2), (lines[2] ?? "").slice(0, 50)]],
    ["without its header", /^1: is no header/, (lines) => lines.slice(1)],
    ["with nothing", /^1: the file is empty$/, () => []],
    ["with two ends", /^7: there is something after the end line$/, (lines) => [...lines, lines.at(-1) ?? ""]],
    [
      "with two entries exchanged",
      /^2: entry 1 should stand here/,
      ([a = "", b = "", c = "", ...rest]) => [a, c, b, ...rest],
    ],
    ["with lists for lines", /^1: is not a JSON object$/, () => ["[]"]],
  ])("%s is refused", async (_, reason, change) => {
    expect(await reasonOf(change(text.trimEnd().split("\n")).join("\n"))).toMatch(reason);
  });
});

describe("the command", () => {
  const directory = mkdtempSync(join(tmpdir(), "spillway-verify-"));
  afterAll(() => rmSync(directory, { recursive: true }));

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    try {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [VERIFIER, ...args]);
      return { code: 0, out: stdout, err: stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, out: stdout, err: stderr };
    }
  }

  it("says in a few lines what a good ledger comes to", async () => {
    const path = join(directory, "good.ndjson");
    writeFileSync(path, text);
    const { code, out } = await run(path);
    expect(code).toBe(0);
    expect(out).toMatch(/^Everything adds up: 4 entries of acct_1, epoch 1\.\n/);
    expect(out).toContain("charged    10.000000 in 2 charges: 8.000000 from grants");
  });

  it("names the first bad line of a bad one, and exits with 1", async () => {
    const path = join(directory, "bad.ndjson");
    writeFileSync(path, text.replace('"balanceAfter":8000000', '"balanceAfter":9000000'));
    expect(await run(path)).toMatchObject({
      code: 1,
      out: "",
      err: "Line 3: the chain is broken: the hash does not fit the content.\n",
    });
  });

  it("exits with 2 when there is nothing to read", async () => {
    expect(await run(join(directory, "none.ndjson"))).toMatchObject({ code: 2 });
    expect(await run()).toMatchObject({ code: 2, err: expect.stringContaining("usage:") });
  });
});
