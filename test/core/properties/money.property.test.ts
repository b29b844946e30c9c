import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ChainedEntry } from "../../../src/core/event.ts";
import type { Grant } from "../../../src/core/grant.ts";
import type { Usage } from "../../../src/core/usage.ts";
import { credits, DAY, HOUR, MINUTE, SECOND, usageOf } from "../../support/core-fixtures.ts";
import { CoreModel, type Happened, PLANS, type Step } from "../../support/core-model.ts";
import { checkAccount, checkHappened, checkMoney, checkQuiet } from "./checks.ts";

const REQUESTS = 8;
const request = fc.nat(REQUESTS - 1);

const usage: fc.Arbitrary<Usage> = fc
  .record({ input: fc.nat(4_000), output: fc.nat(3_000), cached: fc.nat(100), reasoning: fc.nat(100) })
  .map(({ input, output, cached, reasoning }) =>
    usageOf({
      inputTokens: input,
      cachedInputTokens: Math.floor((input * cached) / 100),
      outputTokens: output,
      reasoningTokens: Math.floor((output * reasoning) / 100),
    }),
  );

const elapsed = fc.oneof(
  fc.nat(2 * MINUTE),
  fc.integer({ min: 10 * MINUTE, max: 6 * HOUR }),
  fc.integer({ min: DAY, max: 9 * DAY }),
  fc.constant(5 * HOUR),
);

const grant = fc.record({
  do: fc.constant("grant" as const),
  terms: fc.record({
    amount: fc.integer({ min: 1, max: credits(2) }),
    kind: fc.constantFrom("paid", "promotional", "entitlement", "adjustment"),
    priority: fc.nat(2),
  }),
  lastsMs: fc.option(fc.integer({ min: 1, max: 2 * DAY })),
});

function stepsWith(passing: fc.Arbitrary<number>): fc.Arbitrary<Step> {
  return fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        do: fc.constant("reserve" as const),
        request,
        key: fc.nat(1),
        bound: usage,
        open: fc.boolean(),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant("settle" as const), request, usage, estimated: fc.boolean() }),
    },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("checkpoint" as const), request, usage }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("release" as const), request }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("expire" as const), request }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant("late" as const), request, usage }) },
    { weight: 3, arbitrary: grant },
    { weight: 2, arbitrary: fc.constant({ do: "lapse" } as const) },
    { weight: 5, arbitrary: fc.constant({ do: "renew" } as const) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("void" as const), grant: fc.nat(20) }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant("refund" as const), request, share: fc.integer({ min: 1, max: 100 }) }),
    },
    { weight: 1, arbitrary: fc.constant({ do: "denials" } as const) },
    { weight: 5, arbitrary: passing.map((ms) => ({ do: "pass", ms }) as const) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("plan" as const), index: fc.nat(PLANS.length - 1) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("status" as const), frozen: fc.boolean() }) },
  );
}

const forward = stepsWith(elapsed);
const anyStep = stepsWith(
  fc.oneof({ weight: 4, arbitrary: elapsed }, { weight: 1, arbitrary: fc.constant(-5 * SECOND) }),
);

/** Ends whatever is still under way. */
function quiesce(model: CoreModel): void {
  model.run({ do: "pass", ms: HOUR });
  for (let index = 0; index < REQUESTS; index += 1) model.run({ do: "expire", request: index });
  model.run({ do: "lapse" });
  model.run({ do: "denials" });
}

/** Names of the rare states in what happened. */
function rareStates(model: CoreModel, happened: Happened): string[] {
  if (happened.kind === "answered") return rareAnswers(happened);
  if (happened.kind === "ended") return rareEndings(model, happened);
  if (happened.kind === "changed") return rareChanges(model, happened);
  return happened.kind === "refused" ? ["ended twice"] : [];
}

function rareChanges(model: CoreModel, { change }: Extract<Happened, { kind: "changed" }>): string[] {
  return [...change.entries.flatMap(rareEntries), ...change.grants.flatMap((grant) => rareGrants(model, grant))];
}

function rareEntries({ usage, updates }: ChainedEntry): string[] {
  const kinds = updates.map(({ kind }) => kind).filter((kind) => kind === "refund" || kind === "void");
  return (usage?.decision.denial?.count ?? 0) > 1 ? [...kinds, "denials folded"] : kinds;
}

function rareGrants(model: CoreModel, { kind, reason, voidedAt, id }: Grant): string[] {
  const states: string[] = [];
  if (kind === "adjustment" && reason === "given back") states.push("refund of an ended grant");
  if (voidedAt !== null && model.state.heldGrants.has(id)) states.push("voided while held");
  if (kind === "entitlement" && reason !== "given") states.push(reason.replace(/^\w+: /, ""));
  return states;
}

function rareAnswers({ command, answer, existing }: Extract<Happened, { kind: "answered" }>): string[] {
  if (answer.kind === "denied") return [answer.denial.reason];
  if (answer.kind === "ended") return ["replayed"];
  if (answer.kind !== "reserved" || answer.reservation === existing) return [];
  const { bound, draws } = answer.reservation;
  const states = [`${draws.length} sources`, ...draws.flatMap((draw) => ("unit" in draw ? [draw.unit] : []))];
  if (bound.outputTokens < command.demand.bound.outputTokens && answer.reservation.clampedTo === null)
    states.push("learned");
  if (answer.reservation.clampedTo !== null) states.push("clamped");
  if (existing) states.push(existing.state === "released" ? "tried again" : "key forgotten");
  return states;
}

function rareEndings(model: CoreModel, { before, ended }: Extract<Happened, { kind: "ended" }>): string[] {
  const { reservation, settlement } = ended;
  const states: string[] = [reservation.late === settlement ? "late" : reservation.state];
  const lapsed = (grant: string): boolean => (model.grants.get(grant)?.lapsed ?? 0) > 0;
  if (settlement.overshoot > 0) states.push("overshoot");
  if (reservation.late === settlement && settlement.charge > 0 && (before.settlement?.charge ?? 0) > 0)
    states.push("difference after a checkpoint");
  if (settlement.estimated) states.push("estimated");
  if (settlement.posted.length > before.draws.length) states.push("more sources than reserved");
  if (before.draws.some(({ kind, source }) => kind === "grant" && lapsed(source)))
    states.push("paid by a lapsed grant");
  return states;
}

describe("whatever happens, in whatever order", { timeout: 180_000 }, () => {
  it("no credit appears, disappears, or is spent twice", () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 50, size: "max" }), (steps) => {
        const model = new CoreModel();
        for (const step of steps) {
          checkHappened(model, model.run(step));
          checkAccount(model);
        }
      }),
      { numRuns: 200 },
    );
  });

  // C7
  it("nothing stays held when nothing is under way", () => {
    fc.assert(
      fc.property(fc.array(forward, { maxLength: 50, size: "max" }), (steps) => {
        const model = new CoreModel();
        for (const step of steps) model.run(step);
        quiesce(model);
        checkQuiet(model);
        checkAccount(model);
      }),
      { numRuns: 120 },
    );
  });

  it("an account that is loaded again at any point goes on as if nothing had been", () => {
    const steps = fc.array(fc.record({ step: forward, reload: fc.boolean() }), { maxLength: 50, size: "max" });
    fc.assert(
      fc.property(steps, (history) => {
        const whole = new CoreModel();
        const split = new CoreModel();
        for (const { step, reload } of history) {
          whole.run(step);
          if (reload) split.reload();
          split.run(step);
        }
        expect(split.state).toEqual(whole.state);
        expect(split.entries).toEqual(whole.entries);
        expect(split.reservations).toEqual(whole.reservations);
      }),
      { numRuns: 150 },
    );
  });

  it("an account that goes on from its ledger alone has what it had, and goes on adding up", () => {
    const steps = fc.array(forward, { maxLength: 40, size: "max" });
    fc.assert(
      fc.property(steps, steps, (before, after) => {
        const model = new CoreModel();
        for (const step of before) model.run(step);
        const { balance, used, renewals } = model.state.row;
        const grants = new Map(model.grants);
        model.reopen();
        expect(model.state.row).toMatchObject({ epoch: 2, balance, used, renewals });
        expect(model.grants).toEqual(grants);
        for (const step of after) {
          model.run(step);
          checkMoney(model);
        }
        quiesce(model);
        checkQuiet(model);
        checkMoney(model);
      }),
      { numRuns: 150 },
    );
  });

  it("a request is charged once, however often it is asked for and settled", () => {
    fc.assert(
      fc.property(fc.array(forward, { maxLength: 40, size: "max" }), request, usage, (steps, chosen, used) => {
        const model = new CoreModel();
        for (const step of steps) model.run(step);
        model.run({ do: "settle", request: chosen, usage: used, estimated: false });
        const settled = model.reservations.get(`req_${chosen}`);
        fc.pre(settled?.state === "settled");
        const before = structuredClone(model.state);
        const again: Step[] = [
          { do: "settle", request: chosen, usage: used, estimated: false },
          { do: "release", request: chosen },
          { do: "expire", request: chosen },
          { do: "late", request: chosen, usage: used },
        ];
        for (const step of again) expect(["refused", "nothing"]).toContain(model.run(step).kind);
        expect(model.state).toEqual(before);
        const replay = model.run({ do: "reserve", request: chosen, key: 0, bound: used, open: false });
        if (model.now - (settled?.endedAt ?? 0) < DAY) expect(replay).toMatchObject({ answer: { kind: "ended" } });
      }),
      { numRuns: 150 },
    );
  });

  // A green run means something only if the rare states were reached.
  it("the random histories reach the rare states", () => {
    const reached = new Map<string, number>();
    const arbitrary = fc.array(anyStep, { minLength: 50, maxLength: 50, size: "max" });
    for (const steps of fc.sample(arbitrary, { seed: 20_261_122, numRuns: 800 })) {
      const model = new CoreModel();
      for (const step of steps) {
        for (const state of rareStates(model, model.run(step))) reached.set(state, (reached.get(state) ?? 0) + 1);
      }
    }
    expect([...reached.keys()]).toEqual(
      expect.arrayContaining([
        "credits_exhausted",
        "allowance_exhausted",
        "credits_reserved",
        "account_frozen",
        "gate",
        "settled",
        "released",
        "expired",
        "late",
        "replayed",
        "tried again",
        "key forgotten",
        "ended twice",
        "clamped",
        "overshoot",
        "more sources than reserved",
        "paid by a lapsed grant",
        "estimated",
        "difference after a checkpoint",
        "3 sources",
        "4 sources",
        "credits",
        "tokens",
        "requests",
        "learned",
        "denials folded",
        "void",
        "voided while held",
        "refund",
        "refund of an ended grant",
        "renewed",
        "rolled over",
      ]),
    );
  });
});
