import { env } from "cloudflare:workers";
import { Hono } from "hono";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { loggedActs } from "../../src/admin/log.ts";
import type { Env } from "../../src/env.ts";
import type { HttpEnv } from "../../src/http/context.ts";
import {
  ADMIN_TOKEN,
  ask,
  asOperator,
  bearer,
  confirmedReceipt,
  gatewayWith,
  newAccount,
  newKey,
  openGateway,
  operator,
  putPlan,
  requestIdOf,
} from "../support/gateway.ts";
import { CARD, CREDITS_PLAN } from "../support/offer.ts";
import type { ErrorBody, Page } from "../support/wire.ts";

beforeAll(openGateway);

interface Entry {
  readonly id: string;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly account: string | null;
  readonly target: string | null;
  readonly reason: string | null;
  readonly before: unknown;
  readonly after: unknown;
  readonly request_id: string;
}

async function logOf(account: string | null, query = ""): Promise<readonly Entry[]> {
  const asked = account === null ? "" : `account=${account}&`;
  return (await asOperator<Page<Entry>>("GET", `/admin/log?${asked}${query}`)).data;
}

async function newest(): Promise<Entry> {
  const [entry] = await logOf(null, "limit=1");
  if (!entry) throw new Error("nothing was logged");
  return entry;
}

describe("what an operator does", () => {
  test("is logged with who, why, what, to whom and under which request", async () => {
    const { id } = await newAccount();
    const before = Date.now();
    const response = await operator(
      "POST",
      `/admin/accounts/${id}/grants`,
      { amount: "5", kind: "promotional", reason: "sorry for the outage" },
      { "idempotency-key": "sorry", "x-spillway-actor": "Ada" },
    );
    const { id: grantId } = await response.json<{ id: string }>();
    const [entry] = await logOf(id);
    expect(entry).toEqual({
      id: expect.stringMatching(/^adm_[0-9a-f]{32}$/),
      at: expect.any(String),
      actor: "Ada",
      action: "grant.create",
      account: id,
      target: grantId,
      reason: "sorry for the outage",
      before: null,
      after: { kind: "promotional", amount: "5.000000", priority: 50, expires_at: null },
      request_id: requestIdOf(response),
    });
    expect(Date.parse(entry?.at ?? "")).toBeGreaterThanOrEqual(before);
  });

  test("is all in the log of its account, newest first, and the repetition is told from the first", async () => {
    const account = await newAccount({ credits: "5" });
    const { id } = account;
    const request = requestIdOf(await ask(account, { model: "flat-1", input: "x", max_output_tokens: 20 }));
    await confirmedReceipt(account, request);
    const key = await newKey(id, { name: "laptop" });
    const grantTerms = { amount: "1", kind: "promotional", reason: "a gift" };
    const given = await asOperator<{ id: string }>("POST", `/admin/accounts/${id}/grants`, grantTerms, {
      "idempotency-key": "gift",
    });
    await asOperator("POST", `/admin/accounts/${id}/grants`, grantTerms, { "idempotency-key": "gift" });
    await asOperator("DELETE", `/admin/accounts/${id}/grants/${given.id}`, { reason: "a mistake" });
    const refund = { request_id: request, amount: "0.5", reason: "poor answer" };
    await asOperator("POST", `/admin/accounts/${id}/refunds`, refund, { "idempotency-key": "refund" });
    await putPlan("other", { ...CREDITS_PLAN, name: "Other" });
    await asOperator("PATCH", `/admin/accounts/${id}`, { plan: "other" });
    await asOperator("PATCH", `/admin/accounts/${id}`, { status: "suspended", reason: "asked for it" });
    await asOperator("DELETE", `/admin/accounts/${id}/keys/${key.id}?reason=lost%20%E2%9C%93`);
    await asOperator("POST", "/admin/reconciliations", { account: id });
    const log = await logOf(id);
    expect(log.map(({ action, target, reason }) => [action, target, reason])).toEqual([
      ["ledger.reconcile", null, null],
      ["key.revoke", key.id, "lost ✓"],
      ["account.status", null, "asked for it"],
      ["account.plan", null, null],
      ["refund.create", request, "poor answer"],
      ["grant.void", given.id, "a mistake"],
      ["grant.create", given.id, "a gift"],
      ["grant.create", given.id, "a gift"],
      ["key.create", key.id, null],
      ["grant.create", expect.any(String), "test"],
      ["key.create", expect.any(String), null],
      ["account.create", null, null],
    ]);
    expect(log[2]).toMatchObject({
      before: { plan: "other", status: "active", reason: null },
      after: { plan: "other", status: "suspended", reason: "asked for it" },
    });
    expect(log[3]).toMatchObject({ before: { plan: "credits" }, after: { plan: "other" } });
    expect(log[4]).toMatchObject({ after: { amount: "0.500000" } });
    expect(log[6]).toMatchObject({ after: { repeated: true } });
    expect(log[7]).not.toMatchObject({ after: { repeated: true } });
    expect(new Set(log.map(({ actor }) => actor))).toEqual(new Set(["operator"]));
    expect(JSON.stringify(log)).not.toContain("sk-spill-");
  });

  test("to plans, prices and upstreams is logged by what it changed", async () => {
    await putPlan("logged", { ...CREDITS_PLAN, name: "Before" });
    const { version } = await putPlan("logged", { ...CREDITS_PLAN, name: "After" });
    expect(await newest()).toMatchObject({
      action: "plan.put",
      target: "logged",
      before: { version: version - 1 },
      after: { version, changes: [{ path: "name", kind: "changed", before: "Before", after: "After" }], more: 0 },
    });
    await asOperator("PUT", "/admin/rate-cards/default?reason=again", CARD);
    expect(await newest()).toMatchObject({ action: "rate_card.put", reason: "again", after: { changes: [] } });
    const upstream = { base_url: "https://other.test/v1", key_secret: "UPSTREAM_OTHER", enabled: false };
    await asOperator("PUT", "/admin/upstreams/other", upstream);
    expect(await newest()).toMatchObject({ action: "upstream.put", target: "other" });
    await asOperator("DELETE", "/admin/upstreams/other?reason=gone");
    expect(await newest()).toMatchObject({ action: "upstream.delete", target: "other", reason: "gone" });
  });

  test("to what is sold is logged by the terms before and after", async () => {
    const pack = { name: "Ten", credits: "10", amount: 900, currency: "eur" };
    await asOperator("PUT", "/admin/credit-packs/ten", pack);
    await asOperator("PUT", "/admin/credit-packs/ten?reason=spring", { ...pack, amount: 800 });
    expect(await newest()).toMatchObject({
      action: "credit_pack.put",
      target: "ten",
      reason: "spring",
      before: { amount: 900 },
      after: { name: "Ten", credits: "10", amount: 800, currency: "eur", active: true },
    });
  });

  test("to alerts is logged without the addresses' secrets, for the operator's own and for an account's", async () => {
    const { id } = await newAccount();
    const hook = { url: "https://hooks.example.com/services/T0/secret-path", rules: ["credits_low"] };
    const endpoint = await asOperator<{ id: string }>("POST", `/admin/alert-endpoints?account=${id}`, hook);
    const at = `/admin/alert-endpoints/${endpoint.id}`;
    await asOperator("POST", `${at}/rotate?account=${id}&reason=leaked`);
    const test = await asOperator<{ id: string }>("POST", `${at}/test?account=${id}`);
    await asOperator("POST", `/admin/alerts/${test.id}/acknowledge?account=${id}`);
    await asOperator("POST", `/admin/alerts/acknowledge?account=${id}`);
    await asOperator("PUT", `/admin/alert-settings?account=${id}`, { credits_below: "5" });
    await asOperator("DELETE", `${at}?account=${id}`);
    const host = "hooks.example.com";
    expect((await logOf(id, "limit=6")).map(({ actor, at, id, request_id, account, ...told }) => told)).toEqual([
      { action: "alert_endpoint.delete", target: endpoint.id, reason: null, before: { host }, after: null },
      {
        action: "alert_settings.put",
        target: null,
        reason: null,
        before: expect.objectContaining({ credits_below: null, from: "usual" }),
        after: expect.objectContaining({ credits_below: "5", from: "account" }),
      },
      { action: "alert.acknowledge", target: test.id, reason: null, before: null, after: { seen: 1 } },
      {
        action: "alert_endpoint.test",
        target: endpoint.id,
        reason: null,
        before: null,
        after: { host, alert: test.id },
      },
      {
        action: "alert_endpoint.rotate",
        target: endpoint.id,
        reason: "leaked",
        before: null,
        after: { host, secret_version: 2 },
      },
      {
        action: "alert_endpoint.create",
        target: endpoint.id,
        reason: null,
        before: null,
        after: { host, rules: ["credits_low"] },
      },
    ]);
    expect(JSON.stringify(await logOf(id))).not.toMatch(/secret-path|whsec_/);
    await asOperator("PUT", "/admin/alert-settings", { frozen: false });
    expect(await newest()).toMatchObject({ action: "alert_settings.put", account: null, after: { frozen: false } });
    await asOperator("PUT", "/admin/alert-settings", {});
  });

  test("by a route that does not tell of it is logged by its path", async () => {
    const quiet = new Hono<HttpEnv>();
    quiet.use(async (c, next) => {
      c.set("requestId", "req_quiet");
      await next();
    });
    quiet.use(loggedActs());
    quiet.post("/admin/quiet", (c) => c.json({ done: true }));
    const headers = { "x-spillway-actor": "Ada" };
    await quiet.request("/admin/quiet?reason=spring", { method: "POST", headers }, env);
    expect(await newest()).toMatchObject({ actor: "Ada", action: "POST /admin/quiet", reason: "spring" });
  });

  test("and was refused, or was only a question, is not logged", async () => {
    const before = await newest();
    const { id } = { id: "acct_test1" };
    expect((await operator("POST", `/admin/accounts/${id}/grants`, { amount: "1" })).status).toBe(400);
    expect((await operator("PATCH", "/admin/accounts/nobody", { plan: "credits" })).status).toBe(404);
    expect((await operator("POST", "/admin/nothing")).status).toBe(404);
    expect((await operator("PUT", "/admin/plans/credits?dry_run=true", CREDITS_PLAN)).status).toBe(200);
    const span = { from: "2026-01-01T00:00:00Z", to: "2026-02-01T00:00:00Z" };
    const question = { plan: { id: "credits", document: CREDITS_PLAN }, ...span };
    expect((await operator("POST", "/admin/backtests", question)).status).toBe(200);
    const rerating = { versions: [1], to_version: 1, ...span, reason: "looked", dry_run: true };
    expect((await operator("POST", "/admin/reratings", rerating)).status).toBe(200);
    expect(await newest()).toEqual(before);
  });

  test("is done although it cannot be logged, and the answer says so", async () => {
    const told = vi.spyOn(console, "error").mockReturnValue(undefined);
    const { DB } = env as Env;
    const prepare = (sql: string) => {
      if (sql.includes("admin_log")) throw new Error("D1 is away");
      return DB.prepare(sql);
    };
    const broken = gatewayWith({
      DB: new Proxy(DB, { get: (db, name) => (name === "prepare" ? prepare : bound(db, name)) }),
    });
    const headers = { ...bearer(ADMIN_TOKEN), "content-type": "application/json" };
    const body = JSON.stringify({ id: "acct_unlogged", plan: "credits" });
    const response = await broken("/admin/accounts", { method: "POST", headers, body });
    expect([response.status, response.headers.get("x-spillway-admin-log")]).toEqual([201, "missing"]);
    expect(told.mock.calls.flat().join()).toContain("admin_act_unlogged");
    expect((await operator("GET", "/admin/accounts/acct_unlogged")).status).toBe(200);
    told.mockRestore();
  });

  function bound(db: D1Database, name: string | symbol): unknown {
    const value: unknown = Reflect.get(db, name);
    return typeof value === "function" ? value.bind(db) : value;
  }
});

describe("the log", () => {
  test("names whoever acts as they say", async () => {
    const named = (actor: string) =>
      operator("PUT", "/admin/plans/credits", CREDITS_PLAN, { "x-spillway-actor": actor });
    await named("ada@example.org");
    expect((await newest()).actor).toBe("ada@example.org");
    await named(encodeURIComponent("Žofie Nováková"));
    expect((await newest()).actor).toBe("Žofie Nováková");
    await named("100%");
    expect((await newest()).actor).toBe("100%");
    for (const actor of ["x".repeat(101), "%07", "%20x", encodeURIComponent("a\u202eb")]) {
      const refused = await named(actor);
      expect([actor, refused.status]).toEqual([actor, 400]);
      expect((await refused.json<ErrorBody>()).error.code).toBe("invalid_actor");
    }
  });

  test("takes a reason of at most 500 characters, before anything is done", async () => {
    const plan = { ...CREDITS_PLAN, name: "Never" };
    const refused = await operator("PUT", `/admin/plans/never?reason=${"x".repeat(501)}`, plan);
    expect((await refused.json<ErrorBody>()).error.code).toBe("invalid_reason");
    expect(JSON.stringify(await asOperator("GET", "/admin/plans"))).not.toContain("never");
  });

  test("is read page by page, and only by operators", async () => {
    const all = (await logOf(null, "limit=500")).map(({ id }) => id);
    expect(all.length).toBeGreaterThan(10);
    expect([...all].sort().reverse()).toEqual(all);
    const paged: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: Page<Entry> = await asOperator("GET", `/admin/log?limit=7${cursor && `&cursor=${cursor}`}`);
      paged.push(...page.data.map(({ id }) => id));
      cursor = page.next_cursor;
    }
    expect(paged).toEqual(all);
    const account = await newAccount();
    expect((await gatewayWith({})("/admin/log", { headers: bearer(account.key) })).status).toBe(401);
  });

  test("cannot be changed", async () => {
    const { DB } = env as Env;
    await expect(DB.prepare("UPDATE admin_log SET actor = 'somebody'").run()).rejects.toThrow("append-only");
    await expect(DB.prepare("DELETE FROM admin_log").run()).rejects.toThrow("append-only");
  });
});
