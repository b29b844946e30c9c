import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { putInQuarantine } from "../../src/ledger/quarantine.ts";
import { dayWithRoom, WITH_MIDNIGHT } from "../support/calendar.ts";
import {
  ADMIN_TOKEN,
  accountOf,
  ask,
  asOperator,
  CANARY,
  call,
  confirmedReceipt,
  gatewayWith,
  newAccount,
  openGateway,
  putPlan,
  receiptOf,
  requestIdOf,
  type TestAccount,
} from "../support/gateway.ts";
import { hold } from "../support/object.ts";
import { CREDITS_PLAN, includedPlan } from "../support/offer.ts";
import type { Page } from "../support/wire.ts";

const HOST = "https://gateway.test";
const BASE = "/dashboard/admin";
const FORM = { "content-type": "application/x-www-form-urlencoded", origin: HOST };
/** Costs exactly two credits. */
const REQUEST = { model: "flat-1", input: "x", max_output_tokens: 20 };

beforeAll(openGateway);
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** An operator's browser: it keeps the cookie and reads tokens out of pages. */
class Browser {
  readonly #gateway: typeof call;
  cookie = "";

  constructor(gateway: typeof call = call) {
    this.#gateway = gateway;
  }

  async get(path: string): Promise<Response> {
    return this.#keep(await this.#gateway(path, { headers: { cookie: this.cookie }, redirect: "manual" }));
  }

  async html(path: string, status = 200): Promise<string> {
    const response = await this.get(path);
    expect([path, response.status]).toEqual([path, status]);
    return response.text();
  }

  async post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    const init = { method: "POST", redirect: "manual", body: new URLSearchParams(fields).toString() } as const;
    return this.#keep(await this.#gateway(path, { ...init, headers: { ...FORM, cookie: this.cookie, ...headers } }));
  }

  /** Sends a form as a page carries it. */
  async submit(path: string, fields: Record<string, string>): Promise<Response> {
    return this.post(path, { csrf_token: await this.token(), reason: "because", ...fields });
  }

  async token(): Promise<string> {
    return /name="csrf_token" value="([^"]+)"/.exec(await this.html(BASE))?.[1] ?? "";
  }

  signIn(fields: Record<string, string> = {}): Promise<Response> {
    return this.post(`${BASE}/sign-in`, { name: "Ada", token: ADMIN_TOKEN, ...fields });
  }

  #keep(response: Response): Response {
    const set = response.headers.get("set-cookie");
    if (set !== null) this.cookie = /max-age=0/i.test(set) ? "" : (set.split(";")[0] ?? "");
    return response;
  }
}

async function signedIn(gateway: typeof call = call): Promise<Browser> {
  const browser = new Browser(gateway);
  expect((await browser.signIn()).status).toBe(303);
  return browser;
}

/** What a page says, without its markup. */
function textOf(html: string): string {
  const entities: Record<string, string> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };
  return html
    .replace(/<[^>]*>/g, " ")
    .replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => entities[entity] ?? entity)
    .replace(/\s+/g, " ");
}

interface Entry {
  readonly actor: string;
  readonly action: string;
  readonly target: string | null;
  readonly reason: string | null;
}

async function newestEntry(): Promise<Entry> {
  const { data } = await asOperator<Page<Entry>>("GET", "/admin/log?limit=1");
  const [entry] = data;
  if (!entry) throw new Error("nothing was logged");
  return entry;
}

async function charged(account: TestAccount): Promise<string> {
  const id = requestIdOf(await ask(account, REQUEST));
  await confirmedReceipt(account, id);
  return id;
}

describe("the console's session", () => {
  test("begins with the token and a name, apart from users', and ends after eight hours", async () => {
    const browser = new Browser();
    const response = await browser.signIn({ next: `${BASE}/plans` });
    expect(response.headers.get("location")).toBe(`${BASE}/plans`);
    const cookie = response.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^__Host-spillway_operator=/);
    for (const attribute of ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"]) expect(cookie).toContain(attribute);
    expect(Number(/Max-Age=(\d+)/.exec(cookie)?.[1])).toBeLessThanOrEqual(8 * 3_600);
    expect(atob(decodeURIComponent(cookie).split(/[=.]/)[1] ?? "")).not.toContain(ADMIN_TOKEN);
    expect((await browser.get(BASE)).status).toBe(200);
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + 8 * 3_600_000 + 1);
    expect((await browser.get(BASE)).headers.get("location")).toBe(`${BASE}/sign-in`);
  });

  test("is no session of a user, and a user's is none here", async () => {
    const operator = await signedIn();
    expect((await call("/api/account", { headers: { cookie: operator.cookie } })).status).toBe(401);
    expect((await operator.get("/dashboard")).headers.get("location")).toContain("/dashboard/sign-in");
    const { key } = await newAccount();
    const user = new Browser();
    expect((await user.post("/dashboard/sign-in", { key })).status).toBe(303);
    const answer = await user.get(`${BASE}/log`);
    expect([answer.status, answer.headers.get("location")]).toEqual([
      303,
      `${BASE}/sign-in?next=${encodeURIComponent(`${BASE}/log`)}`,
    ]);
    // The signature of one kind of cookie is not good for the other.
    const forged = new Browser();
    await forged.post("/dashboard/sign-in", { key });
    forged.cookie = forged.cookie.replace("__Host-spillway=", "__Host-spillway_operator=");
    expect((await forged.get(BASE)).status).toBe(303);
  });

  test("ends at once when the operator's token is changed", async () => {
    const browser = await signedIn();
    const changed = gatewayWith({ SPILLWAY_ADMIN_TOKEN: "another-admin-token" });
    expect((await changed(BASE, { headers: { cookie: browser.cookie } })).status).toBe(303);
  });

  test("is not begun by a wrong token or without a name, and guessing is slowed down", async () => {
    const browser = new Browser(gatewayWith({}));
    expect((await browser.signIn({ name: " " })).status).toBe(400);
    expect((await browser.signIn({ name: "a\u202eb" })).status).toBe(400);
    const from = { "cf-connecting-ip": "203.0.113.9" };
    const guess = () => browser.post(`${BASE}/sign-in`, { name: "Eve", token: "guess" }, from);
    for (let tried = 0; tried < 10; tried += 1) expect((await guess()).status).toBe(401);
    const slowed = await guess();
    expect([slowed.status, Number(slowed.headers.get("retry-after")) > 0]).toEqual([429, true]);
    expect((await browser.post(`${BASE}/sign-in`, { name: "Eve", token: ADMIN_TOKEN }, from)).status).toBe(429);
    expect((await browser.signIn()).status).toBe(303);
  });

  test("leads to no other site, and is left by a form", async () => {
    for (const next of ["https://evil.test", "//evil.test", "/dashboard/adminx", `${BASE}/\\evil.test`]) {
      expect((await new Browser().signIn({ next })).headers.get("location")).toBe(BASE);
    }
    const browser = await signedIn();
    expect((await browser.submit(`${BASE}/sign-out`, {})).status).toBe(303);
    expect((await browser.get(BASE)).status).toBe(303);
  });
});

describe("every page of the console", () => {
  const PLACES = [
    "",
    "/plans",
    "/rate-cards",
    "/upstreams",
    "/reservations",
    "/ledger",
    "/quarantine",
    "/totals",
    "/log",
  ];
  let pages: readonly string[] = [];
  let account: TestAccount;

  beforeAll(async () => {
    account = await newAccount({ credits: "10" });
    const request = await charged(account);
    const own = ["", "/usage", "/requests", `/requests/${request}`, "/ledger?verify=1", "/keys", "/log"];
    const editors = ["/plans/credits", "/plans/unheard-of", "/rate-cards/default?version=1", "/upstreams/default"];
    pages = [...PLACES, ...own.map((path) => `/accounts/${account.id}${path}`), ...editors].map((path) => BASE + path);
  });

  test("needs the sign-in", async () => {
    for (const path of pages) expect([path, (await call(path)).status]).toEqual([path, 303]);
  });

  test("is shown, runs nothing inline, is kept by no cache and tells no secret", async () => {
    const browser = await signedIn();
    for (const path of pages) {
      const response = await browser.get(path);
      const html = await response.text();
      expect([path, response.status]).toEqual([path, 200]);
      expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(response.headers.get("cache-control")).toContain("no-store");
      expect(html).not.toMatch(/<style|style="|<script(?![^>]*src=)|\son\w+="/);
      for (const secret of [CANARY, ADMIN_TOKEN, account.key]) expect(html).not.toContain(secret);
    }
  });

  test("that does not exist is not found, and odd queries are no accident", async () => {
    const browser = await signedIn();
    await browser.html(`${BASE}/nothing`, 404);
    await browser.html(`${BASE}/accounts/nobody`, 404);
    await browser.html(`${BASE}/plans/..%2f..%2fx`, 404);
    for (const document of ["rate-cards/default", "plans/credits", "plans/unheard-of", "upstreams/default"]) {
      for (const version of ["99", "x", "-1"]) {
        expect(await browser.html(`${BASE}/${document}?version=${version}`, 404)).toContain("no such version");
      }
    }
    const log = `/accounts/${account.id}/log`;
    for (const list of ["", "/plans", "/rate-cards", "/upstreams", "/log", log, "/quarantine"]) {
      expect(await browser.html(`${BASE}${list}?cursor=x`, 400)).toContain("next_cursor of an earlier page");
    }
    await browser.html(`${BASE}/totals?from=9999-99-99&to=x`, 200);
    await browser.html(`${BASE}/totals?from=0001-01-01&to=9999-12-31`, 200);
    await browser.html(`${BASE}/reservations?account=nobody`, 404);
  });

  test("leads through lists of any length", async () => {
    const browser = await signedIn();
    await asOperator("PUT", "/admin/plans/another", CREDITS_PLAN);
    const listed: string[] = [];
    for (let path = `${BASE}/plans?limit=1`; path !== ""; ) {
      const html = await browser.html(path);
      listed.push(/class="id" href="[^"]+\/plans\/([^"]+)"/.exec(html)?.[1] ?? "");
      const next = /href="([^"]+)" rel="next"/.exec(html)?.[1]?.replaceAll("&amp;", "&") ?? "";
      path = next === "" ? "" : `${next}&limit=1`;
    }
    const plans = await asOperator<Page<{ id: string }>>("GET", "/admin/plans?limit=500");
    expect(listed).toEqual(plans.data.map(({ id }) => id));
    expect(listed).toContain("another");
  });

  test("shows the version of a document that is asked for, however many there are", async () => {
    const browser = await signedIn();
    for (const name of ["First", "Second"])
      await asOperator("PUT", "/admin/plans/versioned", { ...CREDITS_PLAN, name });
    expect(textOf(await browser.html(`${BASE}/plans/versioned?version=1`))).toContain('"name": "First"');
    expect(textOf(await browser.html(`${BASE}/plans/versioned`))).toContain('"name": "Second"');
    const card = { models: { "long-1": { feature: "codex", per_million_tokens: { input: "7", output: "9" } } } };
    await asOperator("PUT", "/admin/rate-cards/long", card);
    await env.DB.prepare(
      `WITH RECURSIVE v(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM v WHERE n < 601)
      INSERT INTO rate_cards (id, version, effective_at, document, created_at)
      SELECT id, n, effective_at, replace(document, '"7"', '"8"'), created_at FROM rate_cards, v WHERE id = 'long' AND version = 1`,
    ).run();
    expect(textOf(await browser.html(`${BASE}/rate-cards/long?version=1`))).toContain('"input": "7"');
    await browser.html(`${BASE}/rate-cards/long?version=602`, 404);
  });

  test("says when more payments wait than it shows", async () => {
    const browser = await signedIn();
    const park = (from: number, to: number) =>
      env.DB.prepare(
        `WITH RECURSIVE p(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM p WHERE n < ?2)
        INSERT INTO parked_payments (id, payment_id, reason, event, received_at)
        SELECT 'evt_' || n, 'pay_' || n, 'account_unknown', '{}', n FROM p`,
      )
        .bind(from, to)
        .run();
    await park(1, 200);
    expect(textOf(await browser.html(`${BASE}/payments`))).not.toContain("These are the first");
    await park(201, 201);
    expect(textOf(await browser.html(`${BASE}/payments`))).toContain("These are the first 200;");
  });

  test("shows what others have named as text", async () => {
    const name = `<script>alert(1)</script>"'&`;
    await asOperator("POST", "/admin/accounts", { id: "acct_named", name, plan: "credits" });
    const html = await (await signedIn()).html(`${BASE}/accounts/acct_named`);
    expect(html).not.toContain("<script>alert");
    expect(textOf(html)).toContain(name);
  });
});

describe("a form of the console", () => {
  test("is followed only with the session's token, from this site, and with a reason", async () => {
    const browser = await signedIn();
    const account = await newAccount();
    const path = `${BASE}/accounts/${account.id}/suspend`;
    expect((await browser.post(path, { reason: "x" })).status).toBe(403);
    expect((await browser.post(path, { reason: "x", csrf_token: "y".repeat(43) })).status).toBe(403);
    const csrf_token = await browser.token();
    const elsewhere = { origin: "https://evil.test" };
    expect((await browser.post(path, { reason: "x", csrf_token }, elsewhere)).status).toBe(403);
    expect((await browser.post(path, { reason: " ", csrf_token })).status).toBe(400);
    expect((await accountOf(account)).status).toBe("active");
    const another = await signedIn();
    expect((await another.post(path, { reason: "x", csrf_token })).status).toBe(403);
    expect((await browser.post(path, { reason: "x", csrf_token })).status).toBe(303);
    expect((await accountOf(account)).status).toBe("suspended");
  });

  test("of every kind does what the API does, in the operator's name", async () => {
    const browser = await signedIn();
    const account = await newAccount({ credits: "10" });
    const path = `${BASE}/accounts/${account.id}`;
    const request = await charged(account);
    const done = async (form: string, fields: Record<string, string>, word: string, action: string) => {
      const response = await browser.submit(`${path}${form}`, fields);
      expect([form, response.headers.get("location")]).toEqual([form, `${path}${word}`]);
      expect(await newestEntry()).toMatchObject({ actor: "Ada", action, reason: "because" });
    };
    const grant = { order: "1", amount: "5", kind: "promotional", expires_at: "2090-01-01T10:00", priority: "7" };
    await done("/grants", grant, "?done=granted", "grant.create");
    await done("/grants", grant, "?done=granted", "grant.create");
    expect((await accountOf(account)).credits.available).toBe("13.000000");
    const given = (await accountOf(account)).grants[0];
    expect(given).toMatchObject({ expires_at: "2090-01-01T10:00:00.000Z", priority: 7 });
    await done(`/grants/${given?.id}/void`, {}, "?done=voided", "grant.void");
    await done("/refunds", { order: "2", request_id: request, amount: "0.5" }, "?done=refunded", "refund.create");
    expect((await accountOf(account)).credits.available).toBe("8.500000");
    await putPlan("moved-to", { ...CREDITS_PLAN, name: "Moved to" });
    await done("/plan", { plan: "moved-to" }, "?done=moved", "account.plan");
    expect((await accountOf(account)).plan.id).toBe("moved-to");
    await done("/suspend", {}, "?done=suspended", "account.status");
    await done("/activate", {}, "?done=active", "account.status");
    const { requestId } = await hold(account, 3);
    const release = { action: "release", force: "true" };
    await done(`/reservations/${requestId}/resolve`, release, "?done=ended", "reservation.release");
    expect((await accountOf(account)).credits.reserved).toBe("0.000000");
    expect((await receiptOf(account, requestId)).reservation.state).toBe("released");
  });

  test("that is refused tells why on its page, and changes nothing", async () => {
    const browser = await signedIn();
    const account = await newAccount({ credits: "10" });
    const path = `${BASE}/accounts/${account.id}`;
    const before = await newestEntry();
    const refused = async (form: string, fields: Record<string, string>, status: number, text: string) => {
      const response = await browser.submit(`${path}${form}`, fields);
      expect([form, response.status]).toEqual([form, status]);
      expect(textOf(await response.text())).toContain(text);
    };
    await refused("/grants", { order: "1", amount: "-5", kind: "paid" }, 400, "amount: must be credits above zero");
    await refused("/grants", { order: "", amount: "5", kind: "paid" }, 400, "Idempotency-Key");
    await refused("/grants", { order: "1\r\n2", amount: "5", kind: "paid" }, 400, "Idempotency-Key");
    await refused("/grants/grt_none/void", {}, 404, "There is no such grant");
    await refused("/refunds", { order: "2", request_id: "req_none" }, 404, "No ended request");
    await refused("/plan", { plan: "none" }, 400, "There is no plan none");
    const { requestId } = await hold(account, 3);
    await refused(`/reservations/${requestId}/resolve`, { action: "release" }, 409, "may still be running");
    expect(await newestEntry()).toEqual(before);
  });

  test("does what it is for and nothing else, whatever id its address names", async () => {
    const browser = await signedIn();
    const account = await newAccount();
    const key = account.key.split("-").find((part) => part.startsWith("key_")) ?? "";
    const before = await newestEntry();
    const astray = `x/../../keys/${key}?`;
    const forms: [string, Record<string, string>][] = [
      [`accounts/${account.id}/grants/ID/void`, {}],
      [`accounts/${account.id}/reservations/ID/resolve`, { action: "release" }],
      [`accounts/${account.id}/keys/ID/revoke`, {}],
      ["quarantine/ID/redrive", {}],
    ];
    for (const [form, fields] of forms) {
      for (const id of [astray, "x/../../reconciliations?", "x/../../../../reconciliations?"]) {
        const response = await browser.submit(`${BASE}/${form.replace("ID", encodeURIComponent(id))}`, fields);
        expect([form, id, response.status]).toEqual([form, id, 404]);
      }
    }
    expect((await accountOf(account)).id).toBe(account.id);
    expect(await newestEntry()).toEqual(before);
  });

  test("makes a key that is shown once, and revokes it", async () => {
    const browser = await signedIn();
    const account = await newAccount();
    const path = `${BASE}/accounts/${account.id}/keys`;
    const made = await (await browser.submit(path, { name: "by hand", scope: "read" })).text();
    const key = /sk-spill-[A-Za-z0-9_-]+/.exec(made)?.[0] ?? "";
    const own = { ...account, key };
    expect((await accountOf(own)).id).toBe(account.id);
    expect((await ask(own, REQUEST)).status).toBe(403);
    expect(await newestEntry()).toMatchObject({ action: "key.create", reason: "because" });
    const html = await browser.html(path);
    expect(html).not.toContain("sk-spill-");
    const id = key.split("-").find((part) => part.startsWith("key_")) ?? "";
    expect((await browser.submit(`${path}/${id}/revoke`, {})).headers.get("location")).toBe(`${path}?done=revoked`);
    expect((await call("/api/account", { headers: { authorization: `Bearer ${key}` } })).status).toBe(401);
  });

  // The API reads a key without scopes as one that may do everything.
  test("makes no key that is good for nothing", async () => {
    const browser = await signedIn();
    const { id } = await newAccount();
    const keys = () => asOperator<Page<unknown>>("GET", `/admin/accounts/${id}/keys`);
    const before = await keys();
    const refused = await browser.submit(`${BASE}/accounts/${id}/keys`, { name: "nothing ticked" });
    expect(refused.status).toBe(400);
    expect(textOf(await refused.text())).toContain("Choose at least one thing");
    expect(await keys()).toEqual(before);
  });

  test("makes an account, checks the ledger, sends a message again", async () => {
    const browser = await signedIn();
    const made = await browser.submit(`${BASE}/accounts`, { id: "acct_byhand", name: "By hand", plan: "credits" });
    expect(made.headers.get("location")).toBe(`${BASE}/accounts/acct_byhand?done=created`);
    const again = await browser.submit(`${BASE}/accounts`, { id: "acct_byhand", plan: "credits" });
    expect([again.status, textOf(await again.text()).includes("exists already")]).toEqual([409, true]);
    expect((await browser.submit(`${BASE}/ledger/reconcile`, { account: "acct_byhand" })).status).toBe(303);
    expect(textOf(await browser.html(`${BASE}/ledger`))).toContain("acct_byhand");
    expect((await browser.submit(`${BASE}/ledger/reconcile`, { account: "nobody" })).status).toBe(404);
    vi.spyOn(console, "error").mockReturnValue(undefined);
    await putInQuarantine((env as Env).DB, [{ accountId: null, reason: "unreadable", body: { v: 77 } }], Date.now());
    const shown = await browser.html(`${BASE}/quarantine`);
    const [, id = ""] = /quarantine\/(qua_[0-9a-f]+)\/redrive/.exec(shown) ?? [];
    expect((await browser.submit(`${BASE}/quarantine/${id}/redrive`, {})).headers.get("location")).toBe(
      `${BASE}/quarantine?done=redriven`,
    );
    expect(await newestEntry()).toMatchObject({ actor: "Ada", action: "quarantine.redrive", target: id });
  });
});

describe("editing a document", () => {
  const plan = (limit: string) => JSON.stringify(includedPlan(limit, "50"));

  test("tells what is wrong with it, on which line, and saves nothing", async () => {
    const browser = await signedIn();
    const compare = async (document: string) => {
      const response = await browser.submit(`${BASE}/plans/edited/compare`, { document });
      return [response.status, textOf(await response.text())] as const;
    };
    const [status, text] = await compare(
      '{\n "name": "x",\n "gates": [\n  { "id": "a" } ],\n "colour": 1,\n "features": {}\n}',
    );
    expect(status).toBe(400);
    expect(text).toMatch(/Line 4 gates\[0\]\.unit is required.*Line 5 colour is not a known field/);
    expect((await compare('{\n "name": "x",\n}'))[1]).toMatch(/Line 3/);
    expect((await compare("[".repeat(50_000)))[0]).toBe(400);
    expect((await compare(`${"[".repeat(50_000)}${"]".repeat(50_000)}`))[0]).toBe(400);
    expect(JSON.stringify(await asOperator("GET", "/admin/plans"))).not.toContain('"edited"');
  });

  test("compares before it saves, and does not save over what was not compared", async () => {
    const browser = await signedIn();
    const path = `${BASE}/plans/edited`;
    await putPlan("edited", includedPlan("1", "50"));
    const compared = textOf(await (await browser.submit(`${path}/compare`, { document: plan("2") })).text());
    expect(compared).toMatch(/allowances\.included\.windows\[0\]\.limit changed "1" "2"/);
    expect(compared).toContain("Save as version 2");
    await putPlan("edited", includedPlan("3", "50"));
    const overtaken = await browser.submit(`${path}/save`, { document: plan("2"), running: "1" });
    expect(textOf(await overtaken.text())).toContain("Version 2 was saved meanwhile");
    const saved = await browser.submit(`${path}/save`, { document: plan("2"), running: "2" });
    expect(saved.headers.get("location")).toBe(`${path}?done=saved`);
    expect(await newestEntry()).toMatchObject({
      actor: "Ada",
      action: "plan.put",
      target: "edited",
      reason: "because",
    });
    expect(await browser.html(`${path}?done=saved`)).toContain("Saved.");
  });

  test("runs it over stored usage", WITH_MIDNIGHT, async () => {
    await dayWithRoom();
    const browser = await signedIn();
    await putPlan("tried", includedPlan("3", "50"));
    const account = await newAccount({ plan: "tried", credits: "10" });
    await charged(account);
    await charged(account);
    const today = new Date().toISOString().slice(0, 10);
    const asked = { document: plan("1"), from: today, to: today, account: "" };
    const text = textOf(await (await browser.submit(`${BASE}/plans/tried/back-test`, asked)).text());
    expect(text).toContain("run again: 2, of 1 account");
    expect(text).toMatch(new RegExp(`${account.id} 2 1\\.00 3\\.00 \\+2\\.00 none`));
    const backwards = await browser.submit(`${BASE}/plans/tried/back-test`, { ...asked, from: "2090-01-01" });
    expect(textOf(await backwards.text())).toContain("from before to");
  });

  test("of prices and upstreams works the same, and an upstream can be deleted", async () => {
    const browser = await signedIn();
    const shown = await browser.html(`${BASE}/rate-cards/default`);
    const document = textOf(/<textarea[^>]*>([\s\S]*?)<\/textarea>/.exec(shown)?.[1] ?? "");
    const same = textOf(await (await browser.submit(`${BASE}/rate-cards/default/compare`, { document })).text());
    expect(same).toContain("the document says the same as the running one");
    const upstream = JSON.stringify({ base_url: "https://far.test/v1", key_secret: "UPSTREAM_FAR", enabled: false });
    const saved = await browser.submit(`${BASE}/upstreams/far/save`, { document: upstream, running: "" });
    expect(saved.headers.get("location")).toBe(`${BASE}/upstreams/far?done=saved`);
    expect(textOf(await browser.html(`${BASE}/upstreams`))).toMatch(/UPSTREAM_FAR not set/);
    expect((await browser.submit(`${BASE}/upstreams/far/delete`, {})).status).toBe(303);
    expect(await newestEntry()).toMatchObject({ action: "upstream.delete", target: "far", reason: "because" });
  });
});
