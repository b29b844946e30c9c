import { expect } from "vitest";
import { allowanceOwner, applyChange, gateOwner, heldOfGrant, meterId, NO_CHANGE } from "../../../src/core/account.ts";
import { BrokenInvariant, sum } from "../../../src/core/amount.ts";
import { auditHead } from "../../../src/core/audit.ts";
import { renewEntitlements } from "../../../src/core/entitlement.ts";
import { remaining } from "../../../src/core/grant.ts";
import { isAbout } from "../../../src/core/plan.ts";
import { price } from "../../../src/core/rate-card.ts";
import type { Reservation } from "../../../src/core/reservation.ts";
import type { ReserveCommand } from "../../../src/core/reserve.ts";
import { sourcesOf, takeFrom } from "../../../src/core/sources.ts";
import type { Demand, Denial } from "../../../src/core/waterfall.ts";
import { leavesAt, type Marks, type WindowRule } from "../../../src/core/window.ts";
import { sha256 } from "../../support/core-fixtures.ts";
import { type CoreModel, type Happened, KEYS } from "../../support/core-model.ts";

/** Everything that must hold of an account after every step, whatever the step was. */
export function checkAccount(model: CoreModel): void {
  checkMoney(model);
  checkWindows(model);
  expect(model.state, "what is in memory is the fold of what is stored").toEqual(model.stored());
}

export function checkMoney(model: CoreModel): void {
  checkGrants(model);
  checkLedger(model);
}

/** I4, I10: conservation, per grant and together. */
function checkGrants({ state, grants, now, offer }: CoreModel): void {
  for (const grant of grants.values()) {
    const held = heldOfGrant(state, grant.id);
    expect(Math.min(grant.used, grant.lapsed, held)).toBeGreaterThanOrEqual(0);
    expect(grant.used + grant.lapsed + held).toBeLessThanOrEqual(grant.amount);
    expect(grant.used + grant.lapsed + remaining(grant)).toBe(grant.amount);
  }
  expect(state.row.balance).toBeGreaterThanOrEqual(0);
  expect(state.row.used).toBe(sum([...grants.values()].map((grant) => grant.used)));
  expect(state.row.balance).toBe(sum([...grants.values()].map(remaining)));
  for (const { model, rate } of offer.quotes) {
    for (const source of sourcesOf(state, { feature: rate.feature, model }, now)) {
      expect(source.available).toBeGreaterThanOrEqual(0);
    }
  }
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
    for (const allowance of plan.allowances) {
      for (const rule of allowance.windows) note(allowanceOwner(allowance), rule);
    }
    for (const gate of plan.gates) {
      if (!gate.window || gate.unit !== "requests") continue;
      for (const key of KEYS) note(gateOwner(gate, key), gate.window);
    }
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

function checkAnswer(
  model: CoreModel,
  { command, answer, existing, change }: Extract<Happened, { kind: "answered" }>,
): void {
  // A reservation moves no money; a denial, a replay or a mismatch changes nothing at all.
  expect(change.entries).toEqual([]);
  const isNew = answer.kind === "reserved" && answer.reservation !== existing;
  if (!isNew) expect(change).toBe(NO_CHANGE);
  if (answer.kind === "denied") checkDenial(model, command.demand, answer.denial);
  if (answer.kind === "repeated") expect(isRepeatedBy(command, answer.reservation, model)).toBe(true);
  if (!isNew) return;
  const { reservation } = answer;
  expect(sum(reservation.draws.map(({ amount }) => amount))).toBe(reservation.reserved);
  expect(price(reservation.quote.rate, reservation.bound)).toBe(reservation.reserved);
  expect(reservation.attempt).toBe((existing?.attempt ?? 0) + 1);
  checkSlots(model, reservation);
  for (const other of model.state.pending.values()) {
    if (other !== reservation) expect(isRepeatedBy(command, other, model), "a repetition begins nothing").toBe(false);
  }
}

/** Whether `reservation` is what its client says that it sends again. */
function isRepeatedBy(
  { repeats, demand }: ReserveCommand,
  reservation: Reservation,
  { state, now }: CoreModel,
): boolean {
  const within = state.row.plan.sameRequestMs;
  if (!repeats || within === undefined || within === null || reservation.state !== "pending") return false;
  const isSame = reservation.content === repeats.content && reservation.keyId === demand.keyId;
  return isSame && now - reservation.reservedAt <= within;
}

/** No more requests are let in at once than each gate of those in flight says. */
function checkSlots({ state }: CoreModel, reservation: Reservation): void {
  for (const gate of state.row.plan.gates) {
    if (gate.unit !== "concurrency" || !isAbout(gate, reservation.feature, reservation.model)) continue;
    const counted = [...state.pending.values()].filter(
      ({ feature, model, keyId }) =>
        isAbout(gate, feature, model) && (gate.per === "account" || keyId === reservation.keyId),
    );
    expect(counted.length, gate.id).toBeLessThanOrEqual(gate.limit);
  }
}

function checkDenial(model: CoreModel, demand: Demand, denial: Denial): void {
  if (!["credits_exhausted", "allowance_exhausted", "credits_reserved"].includes(denial.reason)) return;
  expect(denial.needed).toBeGreaterThan(denial.available);
  // What an account has learnt to expect is no part of the denial, so only worst cases can be looked at again.
  if (denial.needed !== price(demand.quote.rate, demand.bound)) return;
  const { missing } = takeFrom(sourcesOf(model.state, demand, model.now), demand.bound, denial.needed);
  expect(denial.available).toBe(denial.needed - missing);
  if (denial.reason === "credits_reserved" || denial.resetsAt === null) return;
  // C24: at the instant that is shown, the money is there, renewed entitlements with it.
  const later = structuredClone(model.state);
  applyChange(later, renewEntitlements(later, denial.resetsAt, sha256) ?? NO_CHANGE);
  const then = takeFrom(sourcesOf(later, demand, denial.resetsAt), demand.bound, denial.needed);
  expect(then.missing).toBe(0);
}

function checkEnding(model: CoreModel, { before, usage, ended }: Extract<Happened, { kind: "ended" }>): void {
  const { settlement, reservation, change } = ended;
  expect(change.entries).toHaveLength(1);
  const paid = sum(settlement.posted.map(({ amount }) => amount));
  expect(settlement.charge).toBe(paid + settlement.overshoot);
  expect(model.state.pending.has(reservation.requestId)).toBe(false);
  // I15: never more than what was used costs, an expiry and what came late together.
  const priced = Number(usage ? price(before.quote.rate, usage) : 0);
  const earlier = before.settlement?.charge ?? 0;
  expect(settlement.charge).toBeLessThanOrEqual(Math.max(0, priced - earlier));
  if (before.state === "pending") expect(settlement.returned).toBe(Math.max(0, before.reserved - paid));
  if (reservation.state === "released") expect(settlement.charge).toBe(0);
  if (settlement.estimated && before.state === "pending") {
    const reserved = new Set(before.draws.map(({ source }) => source));
    for (const { source } of settlement.posted) expect(reserved, "counted by the gateway").toContain(source);
  }
  if (settlement.overshoot > 0) {
    const sources = sourcesOf(model.state, before, model.now);
    const { draws } = takeFrom(sources, settlement.usage, settlement.charge, settlement.overshoot);
    expect(draws, "overshoot only where nothing else could pay").toEqual([]);
  }
}

/** What must hold once nothing is under way and everything that is due was done. */
export function checkQuiet({ state, grants, entries, now }: CoreModel): void {
  expect(state.pending.size + state.heldGrants.size + state.heldMeters.size).toBe(0);
  for (const grant of grants.values()) {
    const ended = grant.voidedAt !== null || (grant.expiresAt !== null && grant.expiresAt <= now);
    if (ended) expect(remaining(grant), `grant ${grant.id} has ended`).toBe(0);
  }
  const ids = entries.flatMap(({ usage, updates }) => [...(usage ? [usage.id] : []), ...updates.map(({ id }) => id)]);
  expect(new Set(ids).size).toBe(ids.length);
}
