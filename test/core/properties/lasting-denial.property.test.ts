import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deniedLike, isLasting } from "../../../src/core/lasting-denial.ts";
import type { Usage } from "../../../src/core/usage.ts";
import { type Demand, decide } from "../../../src/core/waterfall.ts";
import { credits, demandOf, HOUR, MINUTE, SECOND, usageOf } from "../../support/core-fixtures.ts";
import { CoreModel, PLANS, type Step } from "../../support/core-model.ts";

const REQUESTS = 6;
const request = fc.nat(REQUESTS - 1);

const usage: fc.Arbitrary<Usage> = fc
  .record({ input: fc.nat(4_000), output: fc.nat(3_000), cached: fc.nat(100), written: fc.nat(100) })
  .map(({ input, output, cached, written }) => {
    const cachedInputTokens = Math.floor((input * cached) / 100);
    const cacheWriteTokens = Math.floor(((input - cachedInputTokens) * written) / 100);
    return usageOf({ inputTokens: input, cachedInputTokens, cacheWriteTokens, outputTokens: output });
  });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("reserve" as const),
      request,
      key: fc.nat(1),
      bound: usage,
      open: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("settle" as const), request, usage, estimated: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("release" as const), request }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("grant" as const),
      terms: fc.record({
        amount: fc.integer({ min: 1, max: credits(1) }),
        kind: fc.constantFrom("paid", "promotional"),
        priority: fc.nat(2),
      }),
      lastsMs: fc.option(fc.integer({ min: 1, max: HOUR })),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "renew" } as const) },
  { weight: 2, arbitrary: fc.nat(2 * MINUTE).map((ms) => ({ do: "pass", ms }) as const) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("plan" as const), index: fc.nat(PLANS.length - 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("status" as const), frozen: fc.boolean() }) },
);

/** A request that is denied, and another one that mostly asks for as much or more of everything, often for little more. */
const few = (most: number) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.nat(2) },
    { weight: 4, arbitrary: fc.nat(most) },
    { weight: 1, arbitrary: fc.integer({ min: -most, max: -1 }) },
  );
const pair = fc
  .record({
    bound: usage,
    open: fc.boolean(),
    otherOpen: fc.constantFrom(false, false, false, true),
    plain: few(4_000),
    cached: few(4_000),
    written: few(4_000),
    output: few(3_000),
  })
  .map(({ bound, open, otherOpen, plain, cached, written, output }) => {
    const cachedInputTokens = Math.max(0, bound.cachedInputTokens + cached);
    const cacheWriteTokens = Math.max(0, bound.cacheWriteTokens + written);
    const rest = Math.max(0, bound.inputTokens - bound.cachedInputTokens - bound.cacheWriteTokens + plain);
    const other = usageOf({
      inputTokens: rest + cachedInputTokens + cacheWriteTokens,
      cachedInputTokens,
      cacheWriteTokens,
      outputTokens: Math.max(0, bound.outputTokens + output),
    });
    const denied = demandOf(0, { quote: QUOTE, bound, openOutput: open });
    return { denied, wanted: { ...denied, bound: other, openOutput: otherOpen ? !open : open } };
  });

const { quotes } = new CoreModel().offer;
const [QUOTE] = quotes;

/** Plans as they are, and with what several of them have at once. */
const MIXED = PLANS.map((plan, index) => {
  const other = PLANS[(index + 1) % PLANS.length] ?? plan;
  const gates = [...plan.gates, ...other.gates];
  return { ...plan, gates, allowances: [...other.allowances, ...plan.allowances] };
});
const OFFER = { plans: [...PLANS, ...MIXED] as const, quotes };

function historyOf(steps: readonly Step[], plan: number): CoreModel {
  const [first, ...others] = [...OFFER.plans.slice(plan), ...OFFER.plans];
  if (!first) throw new Error("there are plans");
  const model = new CoreModel({ quotes, plans: [first, ...others] });
  for (const one of steps) model.run(one);
  return model;
}

const history = fc.array(step, { minLength: 1, maxLength: 25 });
const plan = fc.nat(OFFER.plans.length - 1);

/** The denial of `denied` where it may answer for others. */
function lastingDenial({ state, now }: CoreModel, denied: Demand) {
  const decision = decide(state, denied, now);
  return decision.outcome === "denied" && isLasting(decision) ? decision : null;
}

describe("a denial that answers for another request", { timeout: 180_000 }, () => {
  it("is never given where the account would let that one in, at any moment before its reset", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(history, plan, pair, fc.nat(SECOND - 1), (steps, first, { denied, wanted }, later) => {
        const model = historyOf(steps, first);
        const denial = lastingDenial(model, denied);
        if (!denial || !deniedLike(wanted, denied, denial)) return;
        const at = model.now + later;
        if (denial.resetsAt !== null && at >= denial.resetsAt) return;
        seen.set(denial.reason, (seen.get(denial.reason) ?? 0) + 1);
        expect(decide(model.state, wanted, at).outcome).toBe("denied");
      }),
      { numRuns: 15_000 },
    );
    for (const reason of ["gate", "credits_exhausted", "allowance_exhausted", "account_frozen"]) {
      expect(seen.get(reason) ?? 0, reason).toBeGreaterThan(5);
    }
  });

  it("is not lifted by the end of what is in flight, where credits or included use are the reason", () => {
    let ended = 0;
    fc.assert(
      fc.property(history, plan, pair, usage, (steps, first, { denied, wanted }, used) => {
        const model = historyOf(steps, first);
        const denial = lastingDenial(model, denied);
        if (!denial || denial.reason === "gate" || !deniedLike(wanted, denied, denial)) return;
        if (model.state.pending.size > 0) ended += 1;
        for (let index = 0; index < REQUESTS; index += 1) {
          if (index % 2 === 0) model.run({ do: "release", request: index });
          else model.run({ do: "settle", request: index, usage: used, estimated: true });
        }
        expect(decide(model.state, wanted, model.now).outcome).toBe("denied");
      }),
      { numRuns: 15_000 },
    );
    expect(ended).toBeGreaterThan(50);
  });
});
