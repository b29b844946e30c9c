import { describe, expect, it } from "vitest";
import { chain } from "../../src/core/event.ts";
import { readEntries } from "../../src/ledger/entry-rows.ts";
import { packDecision, unpackDecision } from "../../src/ledger/packed-decision.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import { sha256, T0 } from "../support/core-fixtures.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { fullHistory } from "./history.ts";

const DECISION = {
  plan: { id: "plus", version: 1 },
  rateCard: { id: "default", version: 1 },
  considered: [
    { source: "codex-rpm", kind: "gate", unit: "requests", available: 120, taken: 1 },
    { source: "codex-tpm", kind: "gate", unit: "tokens", available: 4_000_000, taken: 23 },
    { source: "codex-in-flight", kind: "gate", unit: "concurrency", available: 12, taken: 1 },
    { source: "codex-included", kind: "allowance", unit: "credits", available: 250_000_000, taken: 2_316 },
    { source: `grt_${"a1".repeat(16)}`, kind: "grant", unit: "credits", available: 5_000_000, taken: 0 },
    { source: `grt_${"b2".repeat(16)}`, kind: "grant", unit: "credits", available: 100_000_000, taken: 0 },
  ],
  draws: [{ kind: "allowance", source: "codex-included", amount: 2_316 }],
  reservedAt: T0,
  reserved: 2_316,
} as const;

describe("a decision in the ledger", () => {
  it("is read as it was hashed", () => {
    expect(unpackDecision(packDecision(DECISION))).toEqual(DECISION);
    const denied = { ...DECISION, draws: [], denial: { reason: "credits_exhausted", limit: null, resetsAt: null } };
    expect(unpackDecision(packDecision(denied as never))).toEqual(denied);
  });

  it("of a usual request is so short that its row needs no page for itself", () => {
    const others = 450;
    expect(packDecision(DECISION).length + others).toBeLessThan(1_000);
    expect(JSON.stringify(DECISION).length + others).toBeGreaterThan(1_000);
  });

  it("keeps what a later release says of a source", () => {
    const [first, ...rest] = DECISION.considered;
    const later = { ...DECISION, considered: [{ ...first, region: "eu" }, ...rest] };
    expect(unpackDecision(packDecision(later))).toEqual(later);
    const { taken: _, ...less } = first;
    expect(unpackDecision(packDecision({ ...DECISION, considered: [less as never] })).considered).toEqual([less]);
  });

  it("is understood where an earlier release wrote it", async () => {
    const { db, sqlite } = migratedD1();
    const history = fullHistory();
    await writeEntries(db, history.entries);
    sqlite.exec("DROP TRIGGER usage_events_no_update");
    for (const { usage } of history.entries) {
      if (!usage) continue;
      sqlite.prepare("UPDATE usage_events SET decision = ? WHERE id = ?").run(JSON.stringify(usage.decision), usage.id);
    }
    const read = await readEntries(db, history.id, 1, { after: 0, to: 1_000 });
    expect(read).toEqual(history.entries);
    for (const { prev, hash, ...entry } of read) expect(chain(sha256, entry, prev).hash).toBe(hash);
  });
});
