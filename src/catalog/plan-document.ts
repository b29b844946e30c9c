import { z } from "zod";
import { invariant } from "../core/amount.ts";
import type { Allowance, Gate, Plan } from "../core/plan.ts";
import type { WindowRule } from "../core/window.ts";
import { type ParsedDocument, readDocument } from "./document.ts";
import { decimal, fields, millionths, name, oneOf, period, periodMs, text, wholeNumber } from "./fields.ts";

/** Sums of all sources of an account must stay safe integers of micro-credits; these bounds see to it. */
const MAX_ALLOWANCES = 16;
const MAX_ALLOWANCE_CREDITS = 100_000_000;
const MAX_GATES = 32;
const MAX_WINDOWS = 4;

const windowKind = oneOf(["anchored", "sliding"]);

const coveredFeatures = z
  .array(name, { error: "must be a list of features, or null for all" })
  .min(1, { error: "must name at least one feature; leave it out to cover all" })
  .nullable()
  .default(null);

const gate = fields({
  id: name,
  features: coveredFeatures,
  unit: oneOf(["requests", "tokens", "concurrency"]),
  limit: wholeNumber(1, 1_000_000_000_000),
  window: fields({ kind: windowKind, period }).nullable().default(null),
}).superRefine(({ unit, window }, context) => {
  const path = ["window"];
  if (unit === "concurrency" && window !== null) {
    context.addIssue({ code: "custom", path, message: "concurrency counts requests in flight: leave the window out" });
  }
  if (unit !== "concurrency" && window === null) {
    context.addIssue({ code: "custom", path, message: `is required for ${unit}: an object with kind, period` });
  }
});

const allowanceWindow = fields({
  kind: windowKind,
  period,
  limit: decimal("an amount of credits", "above 0", MAX_ALLOWANCE_CREDITS),
});

const allowance = fields({
  id: name,
  features: coveredFeatures,
  unit: oneOf(["credits"]),
  windows: z
    .array(allowanceWindow, { error: "must be a list of windows" })
    .min(1, { error: "must hold at least one window" })
    .max(MAX_WINDOWS, { error: `must hold at most ${MAX_WINDOWS} windows` }),
}).superRefine(({ windows }, context) => {
  // Two windows of one kind and length would share their meter, and every use would count twice.
  refuseRepeated(
    windows.map((window) => `${window.kind} ${periodMs(window.period)}`),
    (index) =>
      context.addIssue({
        code: "custom",
        path: ["windows", index],
        message: "has the same kind and length as another window of this allowance",
      }),
  );
});

const modelPattern = z
  .string({ error: 'must be a model id, or the beginning of one followed by "*"' })
  .regex(/^(?:\*|[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}\*?)$/, {
    error: 'must be a model id, or the beginning of one followed by "*"',
  });

const entitlement = fields({
  models: z
    .array(modelPattern, { error: 'must be a list of model ids; ["*"] entitles to all' })
    .min(1, { error: 'must name at least one model; ["*"] entitles to all' })
    .max(500, { error: "must name at most 500 models" }),
});

/** A plan on the wire (`PUT /admin/plans/{id}`). What it yields is complete: every default is written out. */
export const planDocument = fields({
  name: text(100),
  features: z.record(name, entitlement, { error: "must be an object of feature → { models }" }),
  gates: z
    .array(gate, { error: "must be a list of gates" })
    .max(MAX_GATES, { error: `must hold at most ${MAX_GATES} gates` })
    .default([]),
  allowances: z
    .array(allowance, { error: "must be a list of allowances" })
    .max(MAX_ALLOWANCES, { error: `must hold at most ${MAX_ALLOWANCES} allowances` })
    .default([]),
  overshoot: oneOf(["refund", "clamp"]).default("refund"),
  estimate: oneOf(["ceiling", "clamp"]).default("ceiling"),
  degraded: oneOf(["closed"]).default("closed"),
}).superRefine((plan, context) => {
  for (const list of ["gates", "allowances"] as const) {
    refuseRepeated(
      plan[list].map(({ id }) => id),
      (index, id) =>
        context.addIssue({ code: "custom", path: [list, index, "id"], message: `"${id}" is used twice in ${list}` }),
    );
    plan[list].forEach((owner, index) => {
      owner.features?.forEach((feature, place) => {
        if (Object.hasOwn(plan.features, feature)) return;
        const path = [list, index, "features", place];
        const known = Object.keys(plan.features).join(", ");
        context.addIssue({ code: "custom", path, message: `"${feature}" is not a feature of this plan (${known})` });
      });
    });
  }
});

export type PlanDocument = z.output<typeof planDocument>;

/** Checks a plan as it came from JSON. */
export function readPlanDocument(raw: unknown): ParsedDocument<PlanDocument> {
  return readDocument(planDocument, raw);
}

/** A checked document as the core understands it. */
export function toPlan(id: string, version: number, document: PlanDocument): Plan {
  return {
    id,
    version,
    name: document.name,
    features: document.features,
    gates: document.gates.map(toGate),
    allowances: document.allowances.map(toAllowance),
    overshoot: document.overshoot,
    estimate: document.estimate,
    degraded: document.degraded,
  };
}

function toGate(gate: PlanDocument["gates"][number]): Gate {
  const { id, features, unit, limit } = gate;
  return { id, features, unit, limit, window: gate.window && toWindow(gate.window, limit) };
}

function toAllowance(allowance: PlanDocument["allowances"][number]): Allowance {
  const { id, features, unit } = allowance;
  return { id, features, unit, windows: allowance.windows.map((window) => toWindow(window, millionths(window.limit))) };
}

function toWindow(window: { kind: WindowRule["kind"]; period: string }, limit: number): WindowRule {
  const ms = periodMs(window.period);
  invariant(ms !== null, `a checked period must parse, got ${window.period}`);
  return { kind: window.kind, periodMs: ms, limit };
}

function refuseRepeated(values: readonly string[], refuse: (index: number, value: string) => void): void {
  values.forEach((value, index) => {
    if (values.indexOf(value) < index) refuse(index, value);
  });
}
