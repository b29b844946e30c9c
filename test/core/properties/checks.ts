import { expect } from "vitest";
import { gateOwner, heldOfGrant, meterId, NO_CHANGE } from "../../../src/core/account.ts";
import { BrokenInvariant, sum } from "../../../src/core/amount.ts";
import { auditHead } from "../../../src/core/audit.ts";
import { remaining } from "../../../src/core/grant.ts";
import { price } from "../../../src/core/rate-card.ts";
import { sourcesOf } from "../../../src/core/sources.ts";
import { leavesAt, type Marks, type WindowRule } from "../../../src/core/window.ts";
import type { CoreModel, Happened } from "../../support/core-model.ts";

/** Everything that must hold of an account after every step, whatever the step was. */
export function checkAccount(model: CoreModel): void {
  checkGrants(model);
  checkWindows(model);
  checkLedger(model);
  expect(model.state, "what is in memory is the fold of what is stored").toEqual(model.stored());
}

/** I4, I10: conservation, per grant and together. */
function checkGrants({ state, grants }: CoreModel): void {
  for (const grant of grants.values()) {
    const held = heldOfGrant(state, grant.id);
    expect(Math.min(grant.used, grant.lapsed, held)).toBeGreaterThanOrEqual(0);
    expect(grant.used + grant.lapsed + held).toBeLessThanOrEqual(grant.amount);
    expect(grant.used + grant.lapsed + remaining(grant)).toBe(grant.amount);
  }
  expect(state.row.balance).toBeGreaterThanOrEqual(0);
  expect(state.row.used).toBe(sum([...grants.values()].map((grant) => grant.used)));
  expect(state.row.balance).toBe(sum([...grants.values()].map(remaining)));
  for (const source of sourcesOf(state, "codex", 0)) expect(source.available).toBeGreaterThanOrEqual(0);
}

/** I8: no window was ever used and held beyond the largest limit it had. */
function checkWindows({ state, plansSeen, latest }: CoreModel): void {
  for (const [meter, rule] of largestRules([...plansSeen])) {
    const together = new Map<number, number>();
    const add = (marks: Marks | undefined): void => {
      for (const [mark, amount] of marks ?? []) {
        expect(amount).toBeGreaterThanOrEqual(0);
        if (latest < leavesAt(rule, mark)) together.set(mark, (together.get(mark) ?? 0) + amount);
      }
    };
    add(state.row.meters[meter]);
    add(state.heldMeters.get(meter));
    const used = rule.kind === "sliding" ? [sum(together.values())] : [...together.values()];
    for (const amount of used) expect(amount, meter).toBeLessThanOrEqual(rule.limit);
  }
}

/** The rule with the largest limit of every meter. Gates of tokens count what was really used, so they have none. */
function largestRules(plans: readonly CoreModel["state"]["row"]["plan"][]): Map<string, WindowRule> {
  const rules = new Map<string, WindowRule>();
  const note = (owner: string, rule: WindowRule): void => {
    const meter = meterId(owner, rule);
    if (rule.limit > (rules.get(meter)?.limit ?? -1)) rules.set(meter, rule);
  };
  for (const plan of plans) {
    for (const { id, windows } of plan.allowances) for (const rule of windows) note(id, rule);
    for (const gate of plan.gates)
      if (gate.window && gate.unit === "requests") note(gateOwner(gate, "key_1"), gate.window);
  }
  return rules;
}

/** I2, I3, I6, I9: the journal has no gap, adds up, and says the same as the account. */
function checkLedger({ state, grants, entries, audit }: CoreModel): void {
  const { row } = state;
  expect(row.seq).toBe(entries.length);
  expect(entries.at(-1)?.seq ?? 0).toBe(row.seq);
  const left = new Map([...grants.values()].map((grant) => [grant.id, remaining(grant)]));
  auditHead(audit, { epoch: row.epoch, seq: row.seq, head: row.head, balance: row.balance, grants: left });
  expect(audit.differences).toEqual([]);
}

/** What must hold of what a step did. */
export function checkHappened(model: CoreModel, happened: Happened): void {
  if (happened.kind === "refused") expect(happened.because).toBeInstanceOf(BrokenInvariant);
  if (happened.kind === "answered") checkAnswer(model, happened);
  if (happened.kind === "ended") checkEnding(model, happened);
}

function checkAnswer(model: CoreModel, { answer, existing, change }: Extract<Happened, { kind: "answered" }>): void {
  // A reservation moves no money; a denial, a replay or a mismatch changes nothing at all.
  expect(change.entries).toEqual([]);
  const isNew = answer.kind === "reserved" && answer.reservation !== existing;
  if (!isNew) expect(change).toBe(NO_CHANGE);
  if (
    answer.kind === "denied" &&
    ["credits_exhausted", "allowance_exhausted", "credits_reserved"].includes(answer.denial.reason)
  ) {
    const available = sum(sourcesOf(model.state, "codex", model.now).map((source) => source.available));
    expect(answer.denial.available).toBe(available);
    expect(answer.denial.needed).toBeGreaterThan(available);
  }
  if (!isNew) return;
  const { reservation } = answer;
  expect(sum(reservation.draws.map(({ amount }) => amount))).toBe(reservation.reserved);
  expect(price(reservation.quote.rate, reservation.bound)).toBe(reservation.reserved);
  expect(reservation.attempt).toBe((existing?.attempt ?? 0) + 1);
}

function checkEnding(model: CoreModel, { before, usage, ended }: Extract<Happened, { kind: "ended" }>): void {
  const { settlement, reservation, change } = ended;
  expect(change.entries).toHaveLength(1);
  expect(settlement.charge).toBe(sum(settlement.posted.map(({ amount }) => amount)) + settlement.overshoot);
  expect(model.state.pending.has(reservation.requestId)).toBe(false);
  // I15: never more than what was used costs, an expiry and what came late together.
  const priced = Number(usage ? price(before.quote.rate, usage) : 0);
  const earlier = before.settlement?.charge ?? 0;
  expect(settlement.charge).toBeLessThanOrEqual(Math.max(0, priced - earlier));
  if (before.state === "pending") {
    expect(settlement.returned).toBe(Math.max(0, before.reserved - settlement.charge));
  }
  if (reservation.state === "released") expect(settlement.charge).toBe(0);
  if (settlement.overshoot > 0) {
    const left = sum(sourcesOf(model.state, before.feature, model.now).map((source) => source.available));
    expect(left, "overshoot only where nothing else could pay").toBe(0);
  }
}
