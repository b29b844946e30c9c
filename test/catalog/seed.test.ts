import { describe, expect, test } from "vitest";
import seededPlans from "../../config/plans.json" with { type: "json" };
import seededCards from "../../config/rate-cards.json" with { type: "json" };
import { buildCatalog, type Catalog } from "../../src/catalog/catalog.ts";
import { describeFaults, type ParsedDocument } from "../../src/catalog/document.ts";
import { readPlanDocument, toPlan } from "../../src/catalog/plan-document.ts";
import { readRateCardDocument, toRate } from "../../src/catalog/rate-card-document.ts";
import { isEntitledFeature, isEntitledModel, type Plan } from "../../src/core/plan.ts";
import { price, type QuotedRate } from "../../src/core/rate-card.ts";
import { settle } from "../../src/core/settlement.ts";
import { unitsOf } from "../../src/core/unit.ts";
import { NO_USAGE, type Usage } from "../../src/core/usage.ts";
import { decide } from "../../src/core/waterfall.ts";
import { accountWith, commandOf, DAY, finish, hold, reportOf, sha256 } from "../support/core-fixtures.ts";

const NOW = Date.UTC(2026, 10, 22);
const MILLION = 1_000_000;

function opened<T>(parsed: ParsedDocument<T>): T {
  if (!parsed.ok) throw new Error(describeFaults(parsed.faults));
  return parsed.document;
}

const card = opened(readRateCardDocument(seededCards.default));
const plans = Object.entries(seededPlans).map(([id, raw]) => toPlan(id, 1, opened(readPlanDocument(raw))));
const catalog: Catalog = buildCatalog(plans, [
  {
    id: "default",
    version: 1,
    effectiveAt: Date.parse(card.effective_at ?? ""),
    models: Object.fromEntries(Object.entries(card.models).map(([model, rate]) => [model, toRate(rate)])),
  },
]);

function quoted(model: string): QuotedRate {
  const quote = catalog.quote(model, NOW);
  if (!quote) throw new Error(`${model} is not priced`);
  return quote;
}

/** The charge in credits. */
function charge(model: string, usage: Partial<Usage>): unknown {
  const amount = price(quoted(model).rate, { ...NO_USAGE, ...usage });
  return typeof amount === "number" ? amount / MILLION : amount;
}

function plan(id: string): Plan {
  const found = catalog.plan(id);
  if (!found) throw new Error(`no plan ${id}`);
  return found;
}

describe("the seed rate card", () => {
  // Published credits per million tokens: input, cached input, output.
  test.each([
    ["gpt-5.5", 125, 12.5, 750],
    ["gpt-5.4", 62.5, 6.25, 375],
    ["gpt-5.4-mini", 18.75, 1.875, 113],
    ["gpt-5.3-codex", 43.75, 4.375, 350],
  ])("%s costs the published credits", (model, input, cached, output) => {
    // Four times a quarter of a million stays below every long-context threshold.
    expect(charge(model, { inputTokens: MILLION / 4 })).toBe(input / 4);
    expect(charge(model, { inputTokens: MILLION / 4, cachedInputTokens: MILLION / 4 })).toBe(cached / 4);
    expect(charge(model, { outputTokens: MILLION })).toBe(output);
    expect(charge(model, { outputTokens: MILLION, serviceTier: "priority" })).toBe(output * 2);
  });

  // USD per million tokens: input, cached input, cache write, output; 25 credits are 1 USD.
  test.each([
    ["gpt-6-astra", 10, 1, 12.5, 50],
    ["gpt-6.1-sol", 2, 0.1, 2.5, 10],
    ["gpt-6-sol", 2, 0.2, 2.5, 10],
    ["gpt-6-luna", 0.1, 0.01, 0.125, 0.5],
  ])("%s costs its price in dollars at 25 credits per dollar", (model, input, cached, write, output) => {
    const quarter = MILLION / 4;
    expect(charge(model, { inputTokens: quarter })).toBeCloseTo((input * 25) / 4, 9);
    expect(charge(model, { inputTokens: quarter, cachedInputTokens: quarter })).toBeCloseTo((cached * 25) / 4, 9);
    expect(charge(model, { inputTokens: quarter, cacheWriteTokens: quarter })).toBeCloseTo((write * 25) / 4, 9);
    expect(charge(model, { outputTokens: MILLION })).toBeCloseTo(output * 25, 9);
    expect(charge(model, { outputTokens: MILLION, serviceTier: "priority" })).toBeCloseTo(output * 50, 9);
  });

  test("above 272,000 input tokens the whole request costs twice the input and one and a half times the output", () => {
    const short = { inputTokens: 272_000, outputTokens: 1_000 };
    expect(charge("gpt-5.4", short)).toBe(17 + 0.375);
    expect(charge("gpt-5.4", { ...short, inputTokens: 272_016 })).toBe(34.002 + 0.5625);
  });

  test.each([
    ["sora-2", "720x1280", 2.5],
    ["sora-2", "1280x720", 2.5],
    ["sora-2-pro", "720x1280", 7.5],
    ["sora-2-pro", "1280x720", 7.5],
    ["sora-2-pro", "1024x1792", 12.5],
    ["sora-2-pro", "1792x1024", 12.5],
  ])("a second of %s at %s costs its published price", (model, size, perSecond) => {
    expect(charge(model, { seconds: 8, size })).toBe(8 * perSecond);
  });

  test("a size whose price was never published is refused rather than guessed", () => {
    expect(charge("sora-2-pro", { seconds: 4, size: "1080x1920" })).toEqual({ unpriced: "size 1080x1920" });
    expect(charge("sora-2", { seconds: 4, size: "1024x1792" })).toEqual({ unpriced: "size 1024x1792" });
  });

  test("hosted tools carry their fee with every model that can call them", () => {
    for (const { model, feature } of catalog.models(NOW)) {
      if (feature !== "codex") continue;
      expect(charge(model, { calls: { web_search: 1_000 } })).toBe(250);
      expect(charge(model, { calls: { file_search: 1_000 } })).toBe(62.5);
      expect(charge(model, { calls: { code_interpreter: 1 } })).toBe(0.75);
    }
  });

  test("Codex is told about every text model, each in a place of its own", () => {
    const text = Object.values(card.models).filter(({ per_million_tokens }) => per_million_tokens !== null);
    const priorities = text.map(({ codex }) => codex?.priority);
    expect(priorities).not.toContain(undefined);
    expect(new Set(priorities).size).toBe(text.length);
    for (const { codex } of text) expect(codex?.supported_reasoning_levels).toContain(codex?.default_reasoning_level);
  });

  test("every line says where its price was published and when", () => {
    for (const [model, { source, as_of }] of Object.entries(card.models)) {
      expect(source, model).toMatch(/https:\/\//);
      expect(as_of, model).toMatch(/^2026-\d\d-\d\d$/);
    }
  });
});

describe("the seed plans", () => {
  test("are free, plus, pro and enterprise, and every model they name is priced", () => {
    expect(Object.keys(catalog.planVersions())).toEqual(["free", "plus", "pro", "enterprise"]);
    const models = catalog.models(NOW);
    for (const { id, features } of plans) {
      for (const [feature, { models: patterns }] of Object.entries(features)) {
        for (const pattern of patterns) {
          if (pattern.endsWith("*")) continue;
          const named = models.filter(({ model }) => model === pattern);
          expect(named, `${id} ${pattern}`).toMatchObject([{ feature }]);
        }
      }
    }
  });

  test("enterprise has no allowance: it is granted credits every month, and half of them may roll over", () => {
    expect(plan("enterprise").allowances).toEqual([]);
    expect(plan("enterprise").entitlements).toMatchObject([
      { amount: 100_000 * MILLION, period: { unit: "month" }, features: null, rolloverCap: 50_000 * MILLION },
    ]);
    expect(isEntitledModel(plan("enterprise"), "sora", "sora-2-pro")).toBe(true);
  });

  test("free stays with small models and has no video", () => {
    expect(isEntitledModel(plan("free"), "codex", "gpt-5.4-mini")).toBe(true);
    expect(isEntitledModel(plan("free"), "codex", "gpt-5.5")).toBe(false);
    expect(isEntitledFeature(plan("free"), "sora")).toBe(false);
  });

  test("one lost enterprise key spends no more than a fifth of the month in a day", () => {
    const { gates, entitlements } = plan("enterprise");
    const daily = gates.find(({ unit, per }) => unit === "credits" && per === "key");
    expect(daily?.window).toMatchObject({ kind: "calendar", unit: "day" });
    expect(daily?.features).toBeNull();
    expect(5 * (daily?.limit ?? Number.NaN)).toBeLessThanOrEqual(entitlements[0]?.amount ?? 0);
  });

  // Codex keeps up to four calls in flight, each with a prompt of 40 KB and more and no bound on its output.
  test.each(["free", "plus", "pro", "enterprise"])("the gates of %s let an ordinary Codex session through", (id) => {
    const { rate } = quoted("gpt-5.4-mini");
    const call = { ...NO_USAGE, inputTokens: 25_000, outputTokens: rate.maxOutputTokens };
    for (const gate of plan(id).gates.filter(({ features }) => features === null || features.includes("codex"))) {
      const ofOne = unitsOf(gate.unit, call, Number(price(rate, call)));
      expect(gate.limit, gate.id).toBeGreaterThanOrEqual(gate.unit === "requests" ? 40 : 4 * ofOne);
    }
  });

  test.each([
    ["free", "gpt-6-luna"],
    ["plus", "gpt-6.1-sol"],
    ["plus", "gpt-5.4"],
    ["pro", "gpt-5.5"],
  ])("the included use of %s covers four unbounded calls to %s at once", (id, model) => {
    const call = { ...NO_USAGE, inputTokens: 25_000, outputTokens: quoted(model).rate.maxOutputTokens };
    const worst = price(quoted(model).rate, call);
    const included = plan(id).allowances.filter(({ features }) => features?.includes("codex"));
    const limits = included.flatMap(({ windows }) => windows.map(({ limit }) => limit));
    expect(Math.min(...limits)).toBeGreaterThanOrEqual(4 * Number(worst));
  });

  // An SDK repeats a failed request twice within seconds, without a key.
  test.each(["plus", "pro", "enterprise"])("%s knows a video's request again that an SDK repeats", (id) => {
    expect(plan(id).sameRequestMs).toBe(120_000);
  });

  test.each([
    ["plus", "sora-2", "1280x720", 16],
    // 60 seconds a day, and of 600 credits a week 2.5 for each more.
    ["pro", "sora-2", "1280x720", 300],
    ["pro", "sora-2-pro", "1280x720", 80],
    ["pro", "sora-2-pro", "1792x1024", 48],
  ])("%s includes no more than so many seconds of %s at %s on its first day: %d", (id, model, size, seconds) => {
    const ask = (asked: number) => {
      const bound = { ...NO_USAGE, seconds: asked, size };
      const demand = { keyId: "key_1", feature: "sora", model, quote: quoted(model), bound, openOutput: false };
      return decide(accountWith({ plan: plan(id) }), demand, NOW).outcome;
    };
    expect([ask(seconds), ask(seconds + 1)]).toEqual(["allowed", "denied"]);
  });

  test("plus lets two videos run at once, and another one tomorrow when today's seconds are used up", () => {
    const state = accountWith({ plan: plan("plus") });
    const bound = { ...NO_USAGE, seconds: 8, size: "720x1280" };
    const demand = {
      keyId: "key_1",
      feature: "sora",
      model: "sora-2",
      quote: quoted("sora-2"),
      bound,
      openOutput: false,
    };
    const videos = ["req_1", "req_2"].map((id) => hold(state, commandOf(id, 0, { demand }), NOW));
    expect(decide(state, demand, NOW)).toMatchObject({ reason: "gate", limit: "sora-in-flight" });
    for (const video of videos) finish(state, settle(state, video, reportOf(bound), NOW, sha256));
    expect(decide(state, demand, NOW)).toMatchObject({ reason: "allowance_exhausted", resetsAt: NOW + DAY });
    expect(decide(state, demand, NOW + DAY)).toMatchObject({ outcome: "allowed" });
  });

  test("a video under way does not take a Codex slot", () => {
    for (const { gates } of plans) {
      for (const { unit, features } of gates) if (unit === "concurrency") expect(features).toHaveLength(1);
    }
  });
});
