import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AccountState, applyChange, type Change, heldOfGrant, NO_CHANGE } from "../../src/core/account.ts";
import { auditEntry, auditHead, beginAudit } from "../../src/core/audit.ts";
import type { ChainedEntry } from "../../src/core/event.ts";
import { type Grant, owed, remaining } from "../../src/core/grant.ts";
import { addGrant, lapseGrants, voidGrant } from "../../src/core/granting.ts";
import { reclaim } from "../../src/core/reclaim.ts";
import { refund } from "../../src/core/refund.ts";
import { release, settle } from "../../src/core/settlement.ts";
import { decide } from "../../src/core/waterfall.ts";
import {
  accountWith,
  charge,
  commandOf,
  credits,
  DAY,
  demandOf,
  grantIn,
  grantOf,
  hold,
  PLAIN_RATE,
  reportOf,
  sha256,
  T0,
  worth,
} from "../support/core-fixtures.ts";

function take(state: AccountState, total: number, grant: Grant = grantIn(state, "bought")) {
  const done = reclaim(state, grant, credits(total), "paid back", T0, sha256);
  applyChange(state, done.change);
  return done;
}

function lapse(state: AccountState) {
  const change = lapseGrants(state, T0, sha256);
  applyChange(state, change ?? NO_CHANGE);
  return change;
}

describe("what was paid for a grant is paid back", () => {
  it("in part: so much is taken away, the rest stays good", () => {
    const state = accountWith({}, [grantOf("bought", 10)]);
    const { grant, change } = take(state, 4);
    expect(change.entries).toMatchObject([
      {
        usage: null,
        updates: [{ kind: "void", source: "bought", delta: -credits(4), detail: { reason: "paid back" } }],
      },
    ]);
    expect([state.row.balance, remaining(grant), owed(grant)]).toEqual([credits(6), credits(6), 0]);
    expect(decide(state, demandOf(6), T0)).toMatchObject({ outcome: "allowed" });
    expect(decide(state, demandOf(7), T0)).toMatchObject({ outcome: "denied", available: credits(6) });
  });

  it("told twice, or in the wrong order: the largest total counts, once", () => {
    const state = accountWith({}, [grantOf("bought", 10), grantOf("other", 3)]);
    take(state, 4);
    expect(take(state, 4).change).toBe(NO_CHANGE);
    const { grant } = take(state, 10);
    expect(state.row.balance).toBe(credits(3));
    expect(take(state, 4, grant).change).toBe(NO_CHANGE);
    expect(state.row.balance).toBe(credits(3));
  });

  it("after it was used: only what is left is taken, and the rest is owed", () => {
    const state = accountWith({}, [grantOf("bought", 10)]);
    charge(state, hold(state, commandOf("req_1", 7)), 7);
    const { grant } = take(state, 10);
    expect([state.row.balance, owed(grant)]).toEqual([0, credits(7)]);
  });

  it("while a request holds it: the request goes on, and what it returns is taken, not spent again", () => {
    const state = accountWith({}, [grantOf("bought", 10)]);
    const held = hold(state, commandOf("req_1", 8));
    const { grant } = take(state, 10);
    expect([state.row.balance, owed(grant)]).toEqual([credits(8), credits(8)]);
    charge(state, held, 3);
    expect(decide(state, demandOf(1), T0)).toMatchObject({ outcome: "denied", available: 0 });
    expect(lapse(state)?.entries[0]?.updates).toMatchObject([{ kind: "void", source: "bought", amount: credits(5) }]);
    expect(state.row).toMatchObject({ balance: 0, used: credits(3) });
    expect(lapse(state)).toBe(null);
  });

  it("in part, while a request holds more: what it returns beyond that is good again", () => {
    const state = accountWith({}, [grantOf("bought", 10)]);
    const held = hold(state, commandOf("req_1", 10));
    take(state, 4);
    charge(state, held, 1);
    lapse(state);
    expect(state.row.balance).toBe(credits(5));
    expect(decide(state, demandOf(5), T0)).toMatchObject({ outcome: "allowed" });
  });

  it("after it was voided: what is gone unused is not owed", () => {
    const state = accountWith({}, [grantOf("bought", 10, { expiresAt: T0 + DAY })]);
    charge(state, hold(state, commandOf("req_1", 4)), 4);
    const voided = voidGrant(state, grantIn(state, "bought"), "abuse", T0, sha256);
    applyChange(state, voided.change);
    const { grant, change } = take(state, 10, voided.grant);
    expect(owed(grant)).toBe(credits(4));
    expect(change.entries[0]?.updates).toMatchObject([{ kind: "none", delta: 0 }]);
  });

  it.each([
    [10, 6, 0],
    [10, 10, 0],
    [3, 6, 3],
    [0, 6, 6],
  ])("%d of 10 after all of it was used and it ended: of %d that are refunded, %d are good", (total, amount, good) => {
    const state = accountWith({}, [grantOf("bought", 10, { expiresAt: T0 + DAY })]);
    const { reservation } = charge(state, hold(state, commandOf("req_1", 10)), 10);
    const used = { ...grantOf("bought", 10), createdAt: T0, createdSeq: 1, lapsed: 0, voidedAt: null };
    const { grant } = take(state, total, { ...used, used: credits(10), expiresAt: T0 + DAY });
    const later = T0 + 2 * DAY;
    const wanted = { id: "ref_1", amount: credits(amount), at: later, reason: "poor answer" };
    applyChange(state, refund(state, reservation, wanted, () => grant, sha256).change);
    applyChange(state, lapseGrants(state, later, sha256) ?? NO_CHANGE);
    expect(state.row.balance).toBe(credits(good));
    expect(decide(state, demandOf(good + 1), later)).toMatchObject({ outcome: "denied", available: credits(good) });
  });

  it("never more than was granted", () => {
    const state = accountWith({}, [grantOf("bought", 10)]);
    expect(() => take(state, 11)).toThrow("no more is taken back than was granted");
  });
});

const KINDS = ["hold", "charge", "release", "reclaim", "lapse"] as const;
const steps = fc.array(fc.tuple(fc.constantFrom(...KINDS), fc.integer({ min: 0, max: 20 })), { maxLength: 30 });
type Step = readonly [(typeof KINDS)[number], number];

/** An account that was granted 20 credits, and everything that is stored of it. */
class Life {
  readonly state = accountWith();
  readonly entries: ChainedEntry[] = [];
  grant: Grant;
  #requests = 0;

  constructor() {
    const { grant, change } = addGrant(this.state, grantOf("bought", 20), T0, sha256);
    this.grant = grant;
    this.#store(change);
  }

  run([kind, amount]: Step): void {
    const [oldest] = this.state.pending.values();
    if (kind === "lapse") this.#store(lapseGrants(this.state, T0, sha256) ?? NO_CHANGE);
    else if (kind === "reclaim") {
      this.#store(reclaim(this.state, this.grant, credits(amount), "paid back", T0, sha256).change);
    } else if (kind === "hold") {
      if (decide(this.state, demandOf(amount), T0).outcome === "denied") return;
      this.#requests += 1;
      hold(this.state, commandOf(`req_${this.#requests}`, amount));
    } else if (!oldest) return;
    else if (kind === "release") this.#store(release(this.state, oldest, "upstream_error", T0, sha256).change);
    else {
      const used = Math.min(amount, oldest.reserved / credits(1));
      this.#store(settle(this.state, oldest, reportOf(worth(used)), T0, sha256).change);
    }
  }

  end(): void {
    while (this.state.pending.size > 0) this.run(["charge", 0]);
    this.run(["lapse", 0]);
  }

  #store(change: Change): void {
    this.entries.push(...change.entries);
    this.grant = change.grants[0] ?? this.grant;
    applyChange(this.state, change);
  }
}

function lifeOf(history: readonly Step[]): Life {
  const life = new Life();
  for (const step of history) {
    life.run(step);
    // What is held can always be paid.
    expect(remaining(life.grant)).toBeGreaterThanOrEqual(heldOfGrant(life.state, "bought"));
  }
  return life;
}

describe("whatever happens to a grant whose payment is paid back", () => {
  it("nothing appears or vanishes: what was used, taken back and left is what was granted", () => {
    fc.assert(
      fc.property(steps, (history) => {
        const { state, grant } = lifeOf(history);
        expect(grant.used + grant.lapsed + remaining(grant)).toBe(credits(20));
        expect(state.row.balance).toBe(remaining(grant));
        expect(grant.lapsed).toBeLessThanOrEqual(grant.reclaimed ?? 0);
      }),
    );
  });

  it("once all requests have ended, what was wanted is taken back but for what was used", () => {
    fc.assert(
      fc.property(steps, (history) => {
        const life = lifeOf(history);
        life.end();
        const { used, reclaimed = 0 } = life.grant;
        expect(owed(life.grant)).toBe(Math.max(0, reclaimed - (credits(20) - used)));
      }),
    );
  });

  it("the ledger adds up by its own audit", () => {
    fc.assert(
      fc.property(steps, (history) => {
        const { state, entries } = lifeOf(history);
        const audit = beginAudit(sha256, state.row.id, state.row.epoch);
        for (const entry of entries) auditEntry(audit, entry, () => PLAIN_RATE, sha256);
        const grants = new Map([...state.grants].map(([id, grant]) => [id, remaining(grant)]));
        auditHead(audit, { ...state.row, grants });
        expect(audit.differences).toEqual([]);
      }),
    );
  });
});
