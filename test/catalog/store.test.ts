import { beforeEach, describe, expect, test } from "vitest";
import { listPlans, listRateCards } from "../../src/catalog/list.ts";
import { type PlanDocument, readPlanDocument } from "../../src/catalog/plan-document.ts";
import { type RateCardDocument, readRateCardDocument } from "../../src/catalog/rate-card-document.ts";
import { readAccount, readAccountIds, readCatalog, readRate } from "../../src/catalog/read.ts";
import { createAccount, putPlan, putRateCard } from "../../src/catalog/write.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";

const NOW = Date.UTC(2026, 10, 22);
const HOUR = 3_600_000;
const ALL = { limit: 50, cursor: null };

let database: D1Database;

beforeEach(() => {
  database = migratedD1().db;
});

function plan(change: object = {}): PlanDocument {
  const parsed = readPlanDocument({ name: "Plus", features: { codex: { models: ["*"] } }, ...change });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.document;
}

function card(input: string, effectiveAt: number | null = null, codex?: object): RateCardDocument {
  const parsed = readRateCardDocument({
    ...(effectiveAt === null ? {} : { effective_at: new Date(effectiveAt).toISOString() }),
    models: { "gpt-5.4": { feature: "codex", per_million_tokens: { input, output: "375" }, codex } },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.document;
}

async function quotedVersion(now: number): Promise<number | undefined> {
  return (await readCatalog(database, now)).quote("gpt-5.4", now)?.cardVersion;
}

describe("a plan that is put", () => {
  test("gets version 1, keeps it while nothing changes, and the next number when something does", async () => {
    expect(await putPlan(database, "plus", plan(), NOW)).toEqual({ version: 1, createdAt: NOW });
    expect(await putPlan(database, "plus", plan(), NOW + HOUR)).toEqual({ version: 1, createdAt: NOW });
    expect((await putPlan(database, "plus", plan({ estimate: "clamp" }), NOW)).version).toBe(2);
    expect((await putPlan(database, "plus", plan({ estimate: "clamp" }), NOW)).version).toBe(2);
    expect((await putPlan(database, "plus", plan(), NOW)).version).toBe(3);
    expect((await putPlan(database, "free", plan(), NOW)).version).toBe(1);
  });

  test("is the same however its fields are ordered, and whether a default is spelt out or not", async () => {
    await putPlan(database, "plus", plan({ overshoot: "refund" }), NOW);
    const reordered = readPlanDocument({ features: { codex: { models: ["*"] } }, gates: [], name: "Plus" });
    if (!reordered.ok) throw new Error("refused");
    expect((await putPlan(database, "plus", reordered.document, NOW)).version).toBe(1);
  });

  test("by several at once never loses a change and never uses a number twice", async () => {
    const names = ["A", "B", "A", "C", "C"];
    const put = await Promise.all(names.map((name) => putPlan(database, "plus", plan({ name }), NOW)));
    expect(put.map(({ version }) => version)).toEqual([1, 2, 3, 4, 4]);
  });

  test("is what the catalog offers, in its newest version", async () => {
    await putPlan(database, "plus", plan(), NOW);
    await putPlan(database, "plus", plan({ name: "Plus 2" }), NOW);
    await putPlan(database, "free", plan({ name: "Free" }), NOW);
    const catalog = await readCatalog(database, NOW);
    expect(catalog.planVersions()).toEqual({ free: 1, plus: 2 });
    expect(catalog.plan("plus")).toMatchObject({ id: "plus", version: 2, name: "Plus 2" });
  });
});

describe("a rate card that is put", () => {
  test("keeps its version for the same prices from the same instant", async () => {
    const first = await putRateCard(database, "default", card("1", NOW), NOW);
    expect(first).toEqual({ version: 1, effectiveAt: NOW, createdAt: NOW });
    expect(await putRateCard(database, "default", card("1", NOW), NOW + HOUR)).toEqual(first);
    expect((await putRateCard(database, "default", card("1", NOW + 1), NOW)).version).toBe(2);
    expect((await putRateCard(database, "default", card("2", NOW + 1), NOW)).version).toBe(3);
  });

  test("is in force from now on unless it says otherwise, and putting it again changes nothing", async () => {
    const first = await putRateCard(database, "default", card("1"), NOW);
    expect(first).toMatchObject({ version: 1, effectiveAt: NOW });
    expect(await putRateCard(database, "default", card("1"), NOW + HOUR)).toEqual(first);
    expect((await putRateCard(database, "default", card("2"), NOW + HOUR)).version).toBe(2);
  });

  test("gets the next version when Codex is told something else, and offers that", async () => {
    await putRateCard(database, "default", card("1"), NOW);
    const told = card("1", null, { display_name: "GPT-5.4", base_instructions: "Be brief." });
    expect((await putRateCard(database, "default", told, NOW)).version).toBe(2);
    expect((await putRateCard(database, "default", told, NOW)).version).toBe(2);
    const [model] = (await readCatalog(database, NOW)).models(NOW);
    expect(model?.codex).toMatchObject({ display_name: "GPT-5.4", base_instructions: "Be brief." });
    expect((await putRateCard(database, "default", card("1"), NOW)).version).toBe(3);
    expect((await readCatalog(database, NOW)).models(NOW)[0]?.codex).toBeNull();
  });

  test("comes into force now if the same prices were only announced for later", async () => {
    await putRateCard(database, "default", card("1", NOW + HOUR), NOW);
    expect(await putRateCard(database, "default", card("1"), NOW)).toMatchObject({ version: 2, effectiveAt: NOW });
  });

  test("announced for later takes over from a snapshot that was read before", async () => {
    await putRateCard(database, "default", card("1"), NOW);
    await putRateCard(database, "default", card("2"), NOW);
    await putRateCard(database, "default", card("3", NOW + HOUR), NOW);
    const snapshot = await readCatalog(database, NOW);
    expect(snapshot.quote("gpt-5.4", NOW)?.cardVersion).toBe(2);
    expect(snapshot.quote("gpt-5.4", NOW + HOUR)?.cardVersion).toBe(3);
    expect(await quotedVersion(NOW + HOUR)).toBe(3);
  });

  test("back-dated is in force at once, because it is the newest word", async () => {
    await putRateCard(database, "default", card("1", NOW), NOW);
    await putRateCard(database, "default", card("2", NOW - HOUR), NOW);
    expect(await quotedVersion(NOW)).toBe(2);
  });

  test("still prices what was charged by it long after it was replaced", async () => {
    await putRateCard(database, "default", card("1"), NOW);
    await putRateCard(database, "default", card("2"), NOW);
    expect((await readRate(database, "default", 1, "gpt-5.4"))?.tokens?.input).toBe(1_000_000);
    expect((await readRate(database, "default", 2, "gpt-5.4"))?.tokens?.input).toBe(2_000_000);
    expect(await readRate(database, "default", 3, "gpt-5.4")).toBeNull();
    expect(await readRate(database, "default", 1, "constructor")).toBeNull();
    expect(await readRate(database, "other", 1, "gpt-5.4")).toBeNull();
  });
});

describe("lists for administrators", () => {
  test("show the newest version of every plan, page by page", async () => {
    for (const id of ["c", "a", "b"]) await putPlan(database, id, plan({ name: id }), NOW);
    await putPlan(database, "a", plan({ name: "a2" }), NOW);
    const first = await listPlans(database, { limit: 2, cursor: null });
    expect(first.data.map(({ id, version, name }) => [id, version, name])).toEqual([
      ["a", 2, "a2"],
      ["b", 1, "b"],
    ]);
    expect(first).toMatchObject({ has_more: true, next_cursor: "b@plan" });
    const second = await listPlans(database, { limit: 2, cursor: first.next_cursor });
    expect(second).toMatchObject({ data: [{ id: "c" }], has_more: false, next_cursor: null });
    expect(first.data[0]).toMatchObject({ created_at: "2026-11-22T00:00:00.000Z", overshoot: "refund" });
  });

  test("show every version of every rate card, and which one is in force", async () => {
    await putRateCard(database, "default", card("1"), NOW - HOUR);
    await putRateCard(database, "default", card("2"), NOW);
    await putRateCard(database, "default", card("3", NOW + HOUR), NOW);
    await putRateCard(database, "other", card("1", NOW + HOUR), NOW);
    const shown = await listRateCards(database, NOW, ALL);
    expect(shown.data.map(({ id, version, in_force }) => [id, version, in_force])).toEqual([
      ["default", 3, false],
      ["default", 2, true],
      ["default", 1, false],
      ["other", 1, false],
    ]);
    expect(shown.data[0]).toMatchObject({
      effective_at: "2026-11-22T01:00:00.000Z",
      models: { "gpt-5.4": { per_million_tokens: { input: "3" } } },
    });
  });

  test("of rate cards turn pages without losing or repeating a version", async () => {
    for (const input of ["1", "2", "3"]) await putRateCard(database, "default", card(input), NOW);
    await putRateCard(database, "other", card("1"), NOW);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof listRateCards>> = await listRateCards(database, NOW, { limit: 1, cursor });
      seen.push(...page.data.map(({ id, version }) => `${id} ${version}`));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(["default 3", "default 2", "default 1", "other 1"]);
  });
});

describe("accounts", () => {
  test("are registered once: a taken id is told and changes nothing", async () => {
    expect(await createAccount(database, { id: "acct_1", name: "First" }, NOW)).toBe(true);
    expect(await createAccount(database, { id: "acct_1", name: "Second" }, NOW + HOUR)).toBe(false);
    expect(await readAccount(database, "acct_1")).toEqual({ id: "acct_1", name: "First", createdAt: NOW });
    expect(await readAccount(database, "acct_2")).toBeNull();
  });

  test("are walked in full by a sweeper that remembers only the last id", async () => {
    for (const id of ["acct_c", "acct_a", "acct_b"]) await createAccount(database, { id, name: null }, NOW);
    expect(await readAccountIds(database, null, 2)).toEqual(["acct_a", "acct_b"]);
    expect(await readAccountIds(database, "acct_b", 2)).toEqual(["acct_c"]);
    expect(await readAccountIds(database, "acct_c", 2)).toEqual([]);
  });
});

describe("the stored catalog", () => {
  test("that no longer reads is an error that names the row, never a guess", async () => {
    await database.prepare("INSERT INTO plans VALUES ('broken', 7, '{\"name\":\"x\"}', 0)").bind().run();
    await expect(readCatalog(database, NOW)).rejects.toThrow(/plan broken version 7 cannot be read: features/);
  });
});
