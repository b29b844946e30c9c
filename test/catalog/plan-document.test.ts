import { describe, expect, test } from "vitest";
import { readPlanDocument, toPlan } from "../../src/catalog/plan-document.ts";

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

function withGate(change: Wire): Wire {
  return { ...PLUS, gates: [{ ...gate, ...change }] };
}

function withAllowance(change: Wire): Wire {
  return { ...PLUS, allowances: [{ ...allowance, ...change }] };
}

function withWindow(change: Wire): Wire {
  return withAllowance({ windows: [{ kind: "anchored", period: "5h", limit: "20", ...change }] });
}

describe("a plan document", () => {
  test("becomes the plan that decisions read, in micro-credits and milliseconds", () => {
    const parsed = readPlanDocument(PLUS);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    expect(toPlan("plus", 3, parsed.document)).toEqual({
      id: "plus",
      version: 3,
      name: "Plus",
      features: { codex: { models: ["*"] }, sora: { models: ["sora-2"] } },
      gates: [
        {
          id: "codex-rpm",
          features: ["codex"],
          unit: "requests",
          limit: 60,
          window: { kind: "sliding", periodMs: 60_000, limit: 60 },
        },
        { id: "in-flight", features: null, unit: "concurrency", limit: 12, window: null },
      ],
      allowances: [
        {
          id: "codex-included",
          features: ["codex"],
          unit: "credits",
          windows: [
            { kind: "anchored", periodMs: 18_000_000, limit: 20_000_000 },
            { kind: "anchored", periodMs: 604_800_000, limit: 150_000_000 },
          ],
        },
      ],
      overshoot: "refund",
      estimate: "ceiling",
      degraded: "closed",
    });
  });

  test("is complete once read: defaults are written out, and reading it again changes nothing", () => {
    const parsed = readPlanDocument({ name: "Bare", features: {} });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    expect(parsed.document).toEqual({
      name: "Bare",
      features: {},
      gates: [],
      allowances: [],
      overshoot: "refund",
      estimate: "ceiling",
      degraded: "closed",
    });
    expect(readPlanDocument(parsed.document)).toEqual(parsed);
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
    ["a misspelt field of a gate", withGate({ limits: 3 }), "gates[0].limits", /accepted: id, features, unit, limit/],
    ["a misspelt field of a window", withWindow({ tz: "UTC" }), "allowances[0].windows[0].tz", /kind, period, limit/],
    ["a gate of cost", withGate({ unit: "cost" }), "gates[0].unit", /"cost" is not available.*requests, tokens, conc/],
    ["a gate without a unit", withGate({ unit: undefined }), "gates[0].unit", /is required; accepted: requests/],
    ["a gate limit of 0", withGate({ limit: 0 }), "gates[0].limit", /whole number from 1/],
    ["half a request", withGate({ limit: 1.5 }), "gates[0].limit", /whole number from 1/],
    ["a gate limit as text", withGate({ limit: "60" }), "gates[0].limit", /whole number from 1/],
    ["an infinite gate", withGate({ limit: Number.POSITIVE_INFINITY }), "gates[0].limit", /whole number from 1/],
    ["a gate without a window", withGate({ window: null }), "gates[0].window", /required for requests/],
    [
      "a window for concurrency",
      withGate({ unit: "concurrency" }),
      "gates[0].window",
      /concurrency counts requests in flight/,
    ],
    [
      "a calendar window",
      withGate({ window: { kind: "calendar", period: "1d" } }),
      "gates[0].window.kind",
      /"calendar" is not available; accepted: anchored, sliding/,
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
    ["an allowance in tokens", withAllowance({ unit: "tokens" }), "allowances[0].unit", /accepted: credits/],
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
    ["an overshoot of debt", { ...PLUS, overshoot: "debt" }, "overshoot", /accepted: refund, clamp/],
    ["an estimate that is learned", { ...PLUS, estimate: "learned" }, "estimate", /accepted: ceiling, clamp/],
    ["a degraded mode that stays open", { ...PLUS, degraded: "included_only" }, "degraded", /accepted: closed/],
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
