import * as z from "zod";
import type { Allowance, Entitlement, Gate, Plan } from "../core/plan.ts";
import { type ParsedDocument, readDocument } from "./document.ts";
import {
  decimal,
  fields,
  millionths,
  milliseconds,
  name,
  oneOf,
  period,
  periodMs,
  text,
  wholeNumber,
} from "./fields.ts";
import {
  calendarPeriod,
  checkWindow,
  timeZone,
  toWindow,
  weekDay,
  weekDayNumber,
  windowFields,
} from "./window-document.ts";

/** Sums of all sources of an account must stay safe integers of micro-credits; these bounds see to it. */
const MAX_ALLOWANCES = 16;
const MAX_ALLOWANCE_CREDITS = 100_000_000;
const MAX_GATES = 32;
const MAX_WINDOWS = 4;
const MAX_ALLOWANCE_UNITS = 1_000_000_000_000;
const MAX_ENTITLEMENTS = 8;

const coveredFeatures = z
  .array(name, { error: "must be a list of features, or null for all" })
  .min(1, { error: "must name at least one feature; leave it out to cover all" })
  .nullable()
  .default(null);

const modelPattern = z
  .string({ error: 'must be a model id, or the beginning of one followed by "*"' })
  .regex(/^(?:\*|[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}\*?)$/, {
    error: 'must be a model id, or the beginning of one followed by "*"',
  });

const coveredModels = z
  .array(modelPattern, { error: "must be a list of models, or null for all" })
  .min(1, { error: "must name at least one model; leave it out to cover all" })
  .nullable()
  .default(null);

const gate = fields({
  id: name,
  features: coveredFeatures,
  models: coveredModels,
  unit: oneOf(["requests", "tokens", "input_tokens", "output_tokens", "credits", "concurrency"]),
  per: oneOf(["account", "key"]).default("account"),
  limit: z.union(
    [wholeNumber(1, 1_000_000_000_000), decimal("an amount of credits", "above 0", MAX_ALLOWANCE_CREDITS)],
    {
      error: "must be a whole number above 0, or credits as a decimal string",
    },
  ),
  window: fields(windowFields).superRefine(checkWindow).nullable().default(null),
}).superRefine(({ unit, limit, window }, context) => {
  const issue = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
  if (unit === "concurrency" && window !== null) {
    issue("window", "concurrency counts requests in flight: leave the window out");
  }
  if (!["concurrency", "credits"].includes(unit) && window === null) {
    issue("window", `is required for ${unit}: an object with kind, period`);
  }
  if ((unit === "credits") !== (typeof limit === "string")) {
    issue("limit", unit === "credits" ? 'must be credits as a decimal string, such as "5"' : "must be a whole number");
  }
});

const allowanceWindow = fields({
  ...windowFields,
  limit: z.union(
    [decimal("an amount of credits", "above 0", MAX_ALLOWANCE_CREDITS), wholeNumber(1, MAX_ALLOWANCE_UNITS)],
    {
      error: 'must be an amount of credits above 0 as a decimal string, such as "20", or a whole number of other units',
    },
  ),
}).superRefine(checkWindow);

const allowance = fields({
  id: name,
  features: coveredFeatures,
  models: coveredModels,
  unit: oneOf(["credits", "requests", "tokens", "seconds"]),
  windows: z
    .array(allowanceWindow, { error: "must be a list of windows" })
    .min(1, { error: "must hold at least one window" })
    .max(MAX_WINDOWS, { error: `must hold at most ${MAX_WINDOWS} windows` }),
}).superRefine(({ unit, windows }, context) => {
  windows.forEach(({ limit }, index) => {
    const path = ["windows", index, "limit"];
    if (unit === "credits" && typeof limit !== "string") {
      context.addIssue({ code: "custom", path, message: 'must be credits as a decimal string, such as "20"' });
    }
    if (unit !== "credits" && typeof limit === "string" && !/^[1-9]\d{0,11}$/.test(limit)) {
      context.addIssue({ code: "custom", path, message: `must be a whole number of ${unit} above 0` });
    }
  });
  // Two windows of one kind and length would share their meter, and every use would count twice.
  refuseRepeated(
    windows.map(({ kind, period: length, time_zone: zone }) => {
      return kind === "calendar" ? `${kind} ${length} ${zone}` : `${kind} ${periodMs(length)}`;
    }),
    (index) =>
      context.addIssue({
        code: "custom",
        path: ["windows", index],
        message: "has the same kind and length as another window of this allowance",
      }),
  );
});

/** Credits that the plan grants anew in every period. */
const recurring = fields({
  id: name,
  amount: decimal("an amount of credits", "above 0", MAX_ALLOWANCE_CREDITS),
  period: calendarPeriod.default("month"),
  time_zone: timeZone.default("UTC"),
  week_starts_on: weekDay.default("monday"),
  priority: wholeNumber(0, 1_000_000).default(40),
  features: coveredFeatures,
  rollover_cap: decimal("an amount of credits", "0", MAX_ALLOWANCE_CREDITS).default("0"),
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
  entitlements: z
    .array(recurring, { error: "must be a list of entitlements" })
    .max(MAX_ENTITLEMENTS, { error: `must hold at most ${MAX_ENTITLEMENTS} entitlements` })
    .default([]),
  overshoot: oneOf(["refund", "clamp"]).default("refund"),
  estimate: oneOf(["ceiling", "learned", "clamp"]).default("ceiling"),
  // Optional rather than null: a plan that does not name it stays the same document, and so the same version.
  same_request_within: period
    .nullable()
    .transform((within) => within ?? undefined)
    .optional(),
  degraded: oneOf(["closed"]).default("closed"),
}).superRefine((plan, context) => {
  for (const list of ["gates", "allowances", "entitlements"] as const) {
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
    entitlements: document.entitlements.map(toEntitlement),
    overshoot: document.overshoot,
    estimate: document.estimate,
    sameRequestMs: document.same_request_within === undefined ? null : milliseconds(document.same_request_within),
    degraded: document.degraded,
  };
}

function toGate(gate: PlanDocument["gates"][number]): Gate {
  const { id, features, models, unit, per } = gate;
  const limit = toLimit(unit, gate.limit);
  return { id, features, models, unit, per, limit, window: gate.window && toWindow(gate.window, limit) };
}

function toAllowance(allowance: PlanDocument["allowances"][number]): Allowance {
  const { id, features, models, unit } = allowance;
  const windows = allowance.windows.map((window) => toWindow(window, toLimit(unit, window.limit)));
  return { id, features, models, unit, windows };
}

function toEntitlement(entitlement: PlanDocument["entitlements"][number]): Entitlement {
  const { id, amount, period: unit, time_zone, week_starts_on, priority, features, rollover_cap } = entitlement;
  return {
    id,
    amount: millionths(amount),
    period: { unit, timeZone: time_zone, weekStartsOn: weekDayNumber(week_starts_on) },
    priority,
    features,
    rolloverCap: millionths(rollover_cap),
  };
}

function toLimit(unit: Gate["unit"] | Allowance["unit"], limit: string | number): number {
  return unit === "credits" ? millionths(String(limit)) : Number(limit);
}

function refuseRepeated(values: readonly string[], refuse: (index: number, value: string) => void): void {
  values.forEach((value, index) => {
    if (values.indexOf(value) < index) refuse(index, value);
  });
}
