import { describe, expect, test } from "vitest";
import { buildCatalog, type RateCard } from "../../src/catalog/catalog.ts";
import { CODEX_DEFAULTS } from "../../src/catalog/codex-document.ts";
import type { Plan } from "../../src/core/plan.ts";
import type { Rate } from "../../src/core/rate-card.ts";

const NOW = 1_000_000;

const RATE: Rate = {
  feature: "codex",
  tokens: null,
  longContext: null,
  serviceTiers: {},
  perSecond: {},
  perCall: { ask: 1 },
  maxOutputTokens: 0,
};

const PLAN: Plan = {
  id: "plus",
  version: 3,
  name: "Plus",
  features: {},
  gates: [],
  allowances: [],
  entitlements: [],
  overshoot: "refund",
  estimate: "ceiling",
  degraded: "closed",
};

function card(version: number, effectiveAt: number, models: Record<string, Rate>, id = "default"): RateCard {
  return { id, version, effectiveAt, models };
}

function versionAt(cards: RateCard[], now: number): number | undefined {
  return buildCatalog([], cards).quote("m", now)?.cardVersion;
}

describe("the catalog", () => {
  test("answers plans by id, and which version of each is the newest", () => {
    const catalog = buildCatalog([PLAN, { ...PLAN, id: "free", version: 1 }], []);
    expect(catalog.plan("plus")).toBe(PLAN);
    expect(catalog.plan("gold")).toBeNull();
    expect(catalog.plan("constructor")).toBeNull();
    expect(catalog.planVersions()).toEqual({ plus: 3, free: 1 });
  });

  test("quotes a rate with the place where it stands, so that it can be priced again", () => {
    const catalog = buildCatalog([], [card(4, NOW, { m: RATE })]);
    expect(catalog.quote("m", NOW)).toEqual({ cardId: "default", cardVersion: 4, model: "m", rate: RATE });
  });

  test("does not price a model that is not on the card, whatever its name", () => {
    const catalog = buildCatalog([], [card(1, 0, { m: RATE })]);
    for (const model of ["other", "M", "m ", "__proto__", "constructor", ""]) {
      expect(catalog.quote(model, NOW)).toBeNull();
    }
  });

  test("prices nothing before the first card comes into effect", () => {
    expect(versionAt([card(1, NOW + 1, { m: RATE })], NOW)).toBeUndefined();
    expect(buildCatalog([], []).quote("m", NOW)).toBeNull();
    expect(buildCatalog([], []).models(NOW)).toEqual([]);
  });

  test("a price announced for later takes over at its instant and not a millisecond before", () => {
    const cards = [card(1, 0, { m: RATE }), card(2, NOW, { m: RATE })];
    expect(versionAt(cards, NOW - 1)).toBe(1);
    expect(versionAt(cards, NOW)).toBe(2);
  });

  test("the newest card in effect wins, even if an older one names a later instant", () => {
    expect(versionAt([card(1, NOW - 1, { m: RATE }), card(2, NOW - 5, { m: RATE })], NOW)).toBe(2);
  });

  test("a model that a newer card leaves out is no longer sold", () => {
    const catalog = buildCatalog([], [card(1, 0, { m: RATE, old: RATE }), card(2, NOW, { m: RATE })]);
    expect(catalog.quote("old", NOW - 1)?.cardVersion).toBe(1);
    expect(catalog.quote("old", NOW)).toBeNull();
    expect(catalog.models(NOW)).toMatchObject([{ model: "m", feature: "codex" }]);
  });

  test("lists models with their feature, in the order of their ids", () => {
    const catalog = buildCatalog([], [card(1, 0, { b: RATE, a: { ...RATE, feature: "sora" } })]);
    expect(catalog.models(NOW)).toMatchObject([
      { model: "a", feature: "sora" },
      { model: "b", feature: "codex" },
    ]);
  });

  test("says of a model since when its price holds, and what the card in force tells Codex about it", () => {
    const told = { ...CODEX_DEFAULTS, display_name: "Em" };
    const newer = { ...card(2, NOW, { m: RATE, n: RATE }), codex: new Map([["m", told]]) };
    const catalog = buildCatalog([], [card(1, 0, { m: RATE }), newer]);
    expect(catalog.models(NOW - 1)).toMatchObject([{ model: "m", pricedAt: 0, codex: null }]);
    expect(catalog.models(NOW)).toMatchObject([
      { model: "m", pricedAt: NOW, codex: told },
      { model: "n", pricedAt: NOW, codex: null },
    ]);
  });

  test("other rate cards price nothing by themselves", () => {
    expect(versionAt([card(9, 0, { m: RATE }, "draft")], NOW)).toBeUndefined();
  });
});
