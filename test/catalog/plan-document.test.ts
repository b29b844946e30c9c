import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../src/catalog/document.ts";
import { readPlanDocument, toPlan } from "../../src/catalog/plan-document.ts";
import type { Plan } from "../../src/core/plan.ts";

const PLUS = {
  name: "Plus",
  features: { codex: { models: ["*"] }, sora: { models: ["sora-2"] } },
  gates: [
    {
      id: "codex-rpm",
      features: ["codex"],
      unit: "requests",
      limit: 60,
      window: { kind: "sliding", period: "1m" },
    },
    { id: "in-flight", unit: "concurrency", limit: 12 },
  ],
  allowances: [
    {
      id: "codex-included",
      features: ["codex"],
      unit: "credits",
      windows: [
        { kind: "anchored", period: "5h", limit: "20" },
        { kind: "anchored", period: "7d", limit: "150" },
      ],
    },
  ],
  overshoot: "refund",
  estimate: "ceiling",
  degraded: "closed",
};

type Wire = Record<string, unknown>;
const [gate, slots] = PLUS.gates;
const [allowance] = PLUS.allowances;

const MONTHLY = { id: "monthly", amount: "100" };

function withEntitlement(change: Wire): Wire {
  return { ...PLUS, entitlements: [{ ...MONTHLY, ...change }] };
}

function withGate(change: Wire): Wire {
  return { ...PLUS, gates: [{ ...gate, ...change }] };
}

function withAllowance(change: Wire): Wire {
  return { ...PLUS, allowances: [{ ...allowance, ...change }] };
}

const BERLIN_DAY = { kind: "calendar", period: "day", time_zone: "Europe/Berlin" };

/** A calendar window in the first gate. */
function withDay(change: Wire): Wire {
  return withGate({ window: { ...BERLIN_DAY, ...change } });
}

/** The plan that `raw` becomes. */
function planFrom(raw: unknown): Plan {
  const parsed = readPlanDocument(raw);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return toPlan("plus", 3, parsed.document);
}

function withWindow(change: Wire): Wire {
  return withAllowance({ windows: [{ kind: "anchored", period: "5h", limit: "20", ...change }] });
}

describe("a plan document", () => {
  test("becomes the plan that decisions read, in micro-credits and milliseconds", () => {
    expect(planFrom(PLUS)).toEqual({
      id: "plus",
      version: 3,
      name: "Plus",
      features: { codex: { models: ["*"] }, sora: { models: ["sora-2"] } },
      gates: [
        {
          id: "codex-rpm",
          features: ["codex"],
          models: null,
          unit: "requests",
          per: "account",
          limit: 60,
          window: { kind: "sliding", periodMs: 60_000, limit: 60 },
        },
        { id: "in-flight", features: null, models: null, unit: "concurrency", per: "account", limit: 12, window: null },
      ],
      allowances: [
        {
          id: "codex-included",
          features: ["codex"],
          models: null,
          unit: "credits",
          windows: [
            { kind: "anchored", periodMs: 18_000_000, limit: 20_000_000 },
            { kind: "anchored", periodMs: 604_800_000, limit: 150_000_000 },
          ],
        },
      ],
      entitlements: [],
      overshoot: "refund",
      estimate: "ceiling",
      sameRequestMs: null,
      degraded: "closed",
    });
  });

  test.each([
    ["2m", 120_000],
    ["15s", 15_000],
    [null, null],
    [undefined, null],
  ])("knows a job's request for %s when it is sent again without a key", (within, ms) => {
    expect(planFrom({ ...PLUS, same_request_within: within }).sameRequestMs).toBe(ms);
  });

  test("that does not say so is the same text as before plans could, and one that takes it back is so again", () => {
    const textOf = (raw: unknown): string => {
      const parsed = readPlanDocument(raw);
      if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
      return canonicalJson(parsed.document);
    };
    expect(textOf(PLUS)).not.toContain("same_request");
    expect(textOf({ ...PLUS, same_request_within: null })).toBe(textOf(PLUS));
    expect(textOf({ ...PLUS, same_request_within: "2m" })).not.toBe(textOf(PLUS));
  });

  test("is complete once read: defaults are written out, and reading it again changes nothing", () => {
    const parsed = readPlanDocument({ name: "Bare", features: {} });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    expect(parsed.document).toEqual({
      name: "Bare",
      features: {},
      gates: [],
      allowances: [],
      entitlements: [],
      overshoot: "refund",
      estimate: "ceiling",
      degraded: "closed",
    });
    expect(readPlanDocument(parsed.document)).toEqual(parsed);
  });

  test("writes out the defaults of what it lists, too", () => {
    const parsed = readPlanDocument({ ...withDay({}), entitlements: [MONTHLY] });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    expect(parsed.document.entitlements).toEqual([
      {
        id: "monthly",
        amount: "100",
        period: "month",
        time_zone: "UTC",
        week_starts_on: "monday",
        priority: 40,
        features: null,
        rollover_cap: "0",
      },
    ]);
    expect(parsed.document.gates[0]).toMatchObject({ per: "account", models: null, window: BERLIN_DAY });
    expect(readPlanDocument(parsed.document)).toEqual(parsed);
  });

  test("grants credits anew in every period of a place's calendar", () => {
    const plan = planFrom(
      withEntitlement({
        period: "week",
        time_zone: "America/New_York",
        week_starts_on: "sunday",
        priority: 0,
        features: ["codex"],
        rollover_cap: "12.5",
      }),
    );
    expect(plan.entitlements).toEqual([
      {
        id: "monthly",
        amount: 100_000_000,
        period: { unit: "week", timeZone: "America/New_York", weekStartsOn: 7 },
        priority: 0,
        features: ["codex"],
        rolloverCap: 12_500_000,
      },
    ]);
    expect(planFrom(withEntitlement({})).entitlements).toMatchObject([
      { period: { unit: "month", timeZone: "UTC", weekStartsOn: 1 }, priority: 40, features: null, rolloverCap: 0 },
    ]);
  });

  test.each<[string, Wire, object]>([
    ["a day of a place", {}, { unit: "day", timeZone: "Europe/Berlin", weekStartsOn: 1, periodMs: 86_400_000 }],
    ["a day of UTC", { time_zone: undefined }, { unit: "day", timeZone: "UTC", weekStartsOn: 1 }],
    [
      "a week from Sunday",
      { period: "week", week_starts_on: "sunday" },
      { unit: "week", timeZone: "Europe/Berlin", weekStartsOn: 7, periodMs: 604_800_000 },
    ],
    ["a month", { period: "month", time_zone: "Asia/Kolkata" }, { unit: "month", timeZone: "Asia/Kolkata" }],
  ])("has windows of the calendar: %s", (_what, change, rule) => {
    expect(planFrom(withDay(change)).gates[0]?.window).toMatchObject({ kind: "calendar", limit: 60, ...rule });
    const { limit: _, ...window } = { ...BERLIN_DAY, ...change, limit: 0 };
    const plan = planFrom(withAllowance({ windows: [{ ...window, limit: "20" }] }));
    expect(plan.allowances[0]?.windows).toMatchObject([{ kind: "calendar", limit: 20_000_000, ...rule }]);
  });

  test.each<[string, number | string, number]>([
    ["requests", 60, 60],
    ["tokens", 2_000_000, 2_000_000],
    ["input_tokens", 1_000_000_000_000, 1_000_000_000_000],
    ["output_tokens", 1, 1],
    ["credits", "12.5", 12_500_000],
  ])("has gates in %s", (unit, limit, counted) => {
    expect(planFrom(withGate({ unit, limit })).gates[0]).toMatchObject({
      unit,
      limit: counted,
      window: { limit: counted },
    });
  });

  test("has gates for every key by itself, for some models, and for what one request may cost", () => {
    expect(planFrom(withGate({ per: "key" })).gates[0]).toMatchObject({ per: "key" });
    expect(planFrom(withGate({ models: ["gpt-6-*", "gpt-5.4"] })).gates[0]).toMatchObject({
      models: ["gpt-6-*", "gpt-5.4"],
    });
    expect(planFrom(withGate({ unit: "credits", limit: "0.000001", window: null })).gates[0]).toMatchObject({
      unit: "credits",
      limit: 1,
      window: null,
    });
    expect(planFrom(withGate({ unit: "concurrency", per: "key", window: undefined })).gates[0]).toMatchObject({
      unit: "concurrency",
      per: "key",
      window: null,
    });
  });

  test.each<[string, number | string]>([
    ["requests", 50],
    ["tokens", 1_000_000_000_000],
    ["seconds", 60],
    ["requests", "50"],
  ])("has allowances in %s, for some models", (unit, limit) => {
    const change = { unit, models: ["gpt-6-luna"], windows: [{ kind: "sliding", period: "1d", limit }] };
    expect(planFrom(withAllowance(change)).allowances[0]).toMatchObject({
      unit,
      models: ["gpt-6-luna"],
      windows: [{ limit: Number(limit) }],
    });
  });

  test.each(["ceiling", "learned", "clamp"])("takes the estimate %s", (estimate) => {
    expect(planFrom({ ...PLUS, estimate }).estimate).toBe(estimate);
  });

  test("may count the days of two places in one allowance: they are two windows", () => {
    const windows = ["Europe/Berlin", "UTC"].map((time_zone) => ({ ...BERLIN_DAY, time_zone, limit: "20" }));
    expect(planFrom(withAllowance({ windows })).allowances[0]?.windows).toHaveLength(2);
  });

  test.each(["1s", "30s", "90s", "5h", "366d", "8784h"])("takes a period of %s", (period) => {
    expect(readPlanDocument(withWindow({ period })).ok).toBe(true);
  });

  test("may name the same id once as a gate and once as an allowance", () => {
    expect(readPlanDocument({ ...withAllowance({ id: "codex" }), gates: [{ ...slots, id: "codex" }] }).ok).toBe(true);
  });

  test.each<[string, unknown, string, RegExp]>([
    ["no document", undefined, "", /is required.*name, features, gates/],
    ["a list", [], "", /must be an object with name, features/],
    ["a name that is missing", { ...PLUS, name: undefined }, "name", /is required.*text/],
    ["a blank name", { ...PLUS, name: "  " }, "name", /1 to 100 characters/],
    ["no features", { ...PLUS, features: undefined }, "features", /feature → \{ models \}/],
    ["a feature without models", { ...PLUS, features: { codex: {} } }, "features.codex.models", /list of model ids/],
    ["an empty entitlement", { ...PLUS, features: { codex: { models: [] } } }, "features.codex.models", /at least one/],
    [
      "a star in the middle",
      { ...PLUS, features: { ...PLUS.features, codex: { models: ["gpt-*-mini"] } } },
      "features.codex.models[0]",
      /beginning of one followed by "\*"/,
    ],
    [
      "a feature name with a slash",
      { ...PLUS, features: { "a/b": { models: ["*"] } } },
      'features["a/b"]',
      /must be a name/,
    ],
    ["a misspelt field", { ...PLUS, allowence: [] }, "allowence", /not a known field; accepted: name, .*allowances/],
    [
      "a misspelt field of a gate",
      withGate({ limits: 3 }),
      "gates[0].limits",
      /accepted: id, features, models, unit, per, limit/,
    ],
    [
      "a misspelt field of a window",
      withWindow({ tz: "UTC" }),
      "allowances[0].windows[0].tz",
      /kind, period, time_zone, week_starts_on, limit/,
    ],
    [
      "a gate of cost",
      withGate({ unit: "cost" }),
      "gates[0].unit",
      /"cost" is not available.*requests, tokens, input_tokens, output_tokens, credits, conc/,
    ],
    ["a gate without a unit", withGate({ unit: undefined }), "gates[0].unit", /is required; accepted: requests/],
    ["a gate limit of 0", withGate({ limit: 0 }), "gates[0].limit", /whole number from 1/],
    ["half a request", withGate({ limit: 1.5 }), "gates[0].limit", /whole number above 0/],
    ["a gate limit as text", withGate({ limit: "60" }), "gates[0].limit", /must be a whole number$/],
    ["an infinite gate", withGate({ limit: Number.POSITIVE_INFINITY }), "gates[0].limit", /whole number above 0/],
    ["a gate without a window", withGate({ window: null }), "gates[0].window", /required for requests/],
    [
      "a window for concurrency",
      withGate({ unit: "concurrency" }),
      "gates[0].window",
      /concurrency counts requests in flight/,
    ],
    [
      "a calendar window of 24 hours",
      withDay({ period: "24h" }),
      "gates[0].window.period",
      /accepted: day, week, month/,
    ],
    [
      "a calendar window without a period",
      withDay({ period: undefined }),
      "gates[0].window.period",
      /day, week or month/,
    ],
    ["a sliding window of a day by name", withWindow({ period: "day" }), "allowances[0].windows[0].period", /"1s" to/],
    ["a time zone that is none", withDay({ time_zone: "Berlin" }), "gates[0].window.time_zone", /IANA time zone/],
    ["a time zone as a number", withDay({ time_zone: 1 }), "gates[0].window.time_zone", /IANA time zone/],
    ["an endless time zone", withDay({ time_zone: "A".repeat(65) }), "gates[0].window.time_zone", /IANA time zone/],
    [
      "a week that starts on day 1",
      withDay({ week_starts_on: 1 }),
      "gates[0].window.week_starts_on",
      /monday, tuesday/,
    ],
    [
      "the place of a window that has none",
      withWindow({ time_zone: "UTC" }),
      "allowances[0].windows[0].time_zone",
      /calendar windows only/,
    ],
    [
      "the first day of a week in a window without weeks",
      withWindow({ week_starts_on: "sunday" }),
      "allowances[0].windows[0].week_starts_on",
      /calendar windows only/,
    ],
    ["a window of moons", withDay({ kind: "lunar" }), "gates[0].window.kind", /accepted: anchored, sliding, calendar/],
    ["a gate in credits as a number", withGate({ unit: "credits" }), "gates[0].limit", /credits as a decimal string/],
    ["a gate in credits of 0", withGate({ unit: "credits", limit: "0" }), "gates[0].limit", /above 0/],
    ["a gate per user", withGate({ per: "user" }), "gates[0].per", /accepted: account, key/],
    ["a gate for no model", withGate({ models: [] }), "gates[0].models", /at least one model/],
    ["a gate for half a star", withGate({ models: ["*-mini"] }), "gates[0].models[0]", /beginning of one followed by/],
    ["a gate for one model as text", withGate({ models: "gpt-5.4" }), "gates[0].models", /a list of models/],
    [
      "a gate in tokens for each request",
      withGate({ unit: "tokens", window: null }),
      "gates[0].window",
      /required for tokens/,
    ],
    ["two gates of one id", { ...PLUS, gates: [gate, { ...slots, id: gate?.id }] }, "gates[1].id", /used twice/],
    [
      "a gate for a feature that is not in the plan",
      withGate({ features: ["codx"] }),
      "gates[0].features[0]",
      /"codx"/,
    ],
    ["a gate for no feature", withGate({ features: [] }), "gates[0].features", /at least one feature/],
    ["33 gates", { ...PLUS, gates: Array.from({ length: 33 }, (_, n) => ({ ...slots, id: `g${n}` })) }, "gates", /32/],
    ["an id that breaks meters", withAllowance({ id: "gate:x/y" }), "allowances[0].id", /letters, digits/],
    [
      "an allowance in calls",
      withAllowance({ unit: "calls" }),
      "allowances[0].unit",
      /credits, requests, tokens, seconds/,
    ],
    [
      "an allowance in concurrency",
      withAllowance({ unit: "concurrency" }),
      "allowances[0].unit",
      /"concurrency" is not available/,
    ],
    ["an allowance for no model", withAllowance({ models: [] }), "allowances[0].models", /at least one model/],
    [
      "half a request that is included",
      withAllowance({ unit: "requests", windows: [{ kind: "sliding", period: "1d", limit: "2.5" }] }),
      "allowances[0].windows[0].limit",
      /whole number of requests above 0/,
    ],
    [
      "included requests beyond counting",
      withAllowance({ unit: "tokens", windows: [{ kind: "sliding", period: "1d", limit: 1_000_000_000_001 }] }),
      "allowances[0].windows[0].limit",
      /whole number/,
    ],
    ["an allowance without windows", withAllowance({ windows: [] }), "allowances[0].windows", /at least one window/],
    [
      "two allowances of one id",
      { ...PLUS, allowances: [allowance, allowance] },
      "allowances[1].id",
      /"codex-included" is used twice/,
    ],
    [
      "two windows that would count in one meter",
      withAllowance({
        windows: [
          { kind: "anchored", period: "60m", limit: "1" },
          { kind: "anchored", period: "1h", limit: "2" },
        ],
      }),
      "allowances[0].windows[1]",
      /same kind and length/,
    ],
    ["a limit of 0", withWindow({ limit: "0" }), "allowances[0].windows[0].limit", /above 0/],
    ["a negative limit", withWindow({ limit: "-5" }), "allowances[0].windows[0].limit", /above 0/],
    ["a limit as a number", withWindow({ limit: 20 }), "allowances[0].windows[0].limit", /decimal string/],
    ["seven decimals", withWindow({ limit: "0.0000001" }), "allowances[0].windows[0].limit", /six places/],
    ["not a number", withWindow({ limit: "NaN" }), "allowances[0].windows[0].limit", /decimal string/],
    ["an exponent", withWindow({ limit: "1e3" }), "allowances[0].windows[0].limit", /decimal string/],
    ["too large a limit", withWindow({ limit: "100000001" }), "allowances[0].windows[0].limit", /up to 100000000/],
    ["a period of 0 s", withWindow({ period: "0s" }), "allowances[0].windows[0].period", /"1s" to "366d"/],
    ["a period of 367 days", withWindow({ period: "367d" }), "allowances[0].windows[0].period", /"1s" to "366d"/],
    ["a period in weeks", withWindow({ period: "1w" }), "allowances[0].windows[0].period", /s, m, h or d/],
    ["a period as a number", withWindow({ period: 60 }), "allowances[0].windows[0].period", /period such as/],
    ["an entitlement of nothing", withEntitlement({ amount: "0" }), "entitlements[0].amount", /above 0/],
    [
      "an entitlement without an amount",
      withEntitlement({ amount: undefined }),
      "entitlements[0].amount",
      /is required/,
    ],
    ["an entitlement as a number", withEntitlement({ amount: 100 }), "entitlements[0].amount", /decimal string/],
    ["too large an entitlement", withEntitlement({ amount: "100000001" }), "entitlements[0].amount", /up to 100000000/],
    ["an entitlement every 30 days", withEntitlement({ period: "30d" }), "entitlements[0].period", /day, week, month/],
    [
      "an entitlement of nowhere",
      withEntitlement({ time_zone: "Mars" }),
      "entitlements[0].time_zone",
      /IANA time zone/,
    ],
    ["a week from day 7", withEntitlement({ week_starts_on: 7 }), "entitlements[0].week_starts_on", /monday, tuesday/],
    ["a priority below 0", withEntitlement({ priority: -1 }), "entitlements[0].priority", /whole number from 0/],
    ["a priority as text", withEntitlement({ priority: "40" }), "entitlements[0].priority", /whole number from 0/],
    ["a rollover below 0", withEntitlement({ rollover_cap: "-1" }), "entitlements[0].rollover_cap", /from 0/],
    ["a rollover as a number", withEntitlement({ rollover_cap: 5 }), "entitlements[0].rollover_cap", /decimal string/],
    ["an entitlement for no feature", withEntitlement({ features: [] }), "entitlements[0].features", /at least one/],
    [
      "an entitlement to an unknown feature",
      withEntitlement({ features: ["codex", "codx"] }),
      "entitlements[0].features[1]",
      /"codx" is not a feature of this plan \(codex, sora\)/,
    ],
    ["a misspelt entitlement", withEntitlement({ rollover: "1" }), "entitlements[0].rollover", /accepted: id, amount/],
    ["an entitlement with models", withEntitlement({ models: ["*"] }), "entitlements[0].models", /not a known field/],
    [
      "two entitlements of one id",
      { ...PLUS, entitlements: [MONTHLY, MONTHLY] },
      "entitlements[1].id",
      /"monthly" is used twice/,
    ],
    [
      "nine entitlements",
      { ...PLUS, entitlements: Array.from({ length: 9 }, (_, n) => ({ ...MONTHLY, id: `e${n}` })) },
      "entitlements",
      /at most 8/,
    ],
    [
      "two windows of one day in one place",
      withAllowance({
        windows: [
          { ...BERLIN_DAY, limit: "1" },
          { ...BERLIN_DAY, limit: "2" },
        ],
      }),
      "allowances[0].windows[1]",
      /same kind and length/,
    ],
    ["an overshoot of debt", { ...PLUS, overshoot: "debt" }, "overshoot", /accepted: refund, clamp/],
    ["an estimate by guess", { ...PLUS, estimate: "guess" }, "estimate", /accepted: ceiling, learned, clamp/],
    ["a degraded mode that stays open", { ...PLUS, degraded: "included_only" }, "degraded", /accepted: closed/],
    ["a repetition within 2", { ...PLUS, same_request_within: 2 }, "same_request_within", /period such as/],
    ["a repetition within 0 s", { ...PLUS, same_request_within: "0s" }, "same_request_within", /"1s" to "366d"/],
    ["a repetition within a day by name", { ...PLUS, same_request_within: "day" }, "same_request_within", /"1s" to/],
    ["an id in the body", { ...PLUS, id: "plus" }, "id", /not a known field/],
    [
      "a prototype",
      JSON.parse('{"name":"x","features":{"__proto__":{"models":["*"]}}}'),
      "features.__proto__",
      /reserv/,
    ],
  ])("with %s is refused by name", (_what, raw, path, message) => {
    const parsed = readPlanDocument(raw);
    if (parsed.ok) throw new Error("was accepted");
    expect(parsed.faults).toContainEqual({ path, message: expect.stringMatching(message) });
  });

  test("tells every fault at once, but no endless list", () => {
    const gates = Array.from({ length: 32 }, () => ({ id: "same", unit: "wrong", limit: 0 }));
    const parsed = readPlanDocument({ ...PLUS, gates });
    if (parsed.ok) throw new Error("was accepted");
    expect(parsed.faults).toHaveLength(25);
  });
});
