import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  ask,
  bearer,
  CANARY,
  call,
  confirmedReceipt,
  gatewayWith,
  grant,
  newAccount,
  newKey,
  openGateway,
  operator,
  requestIdOf,
  send,
  type TestAccount,
} from "../support/gateway.ts";

const HOST = "https://gateway.test";
const FORM = { "content-type": "application/x-www-form-urlencoded", origin: HOST };
const PAGES = ["", "/usage", "/requests", "/ledger", "/ledger?verify=1", "/keys", "/setup"];
/** Costs exactly two credits. */
const REQUEST = { model: "flat-1", input: "x", max_output_tokens: 20 };

beforeAll(openGateway);
afterEach(() => vi.restoreAllMocks());

/** Somebody's browser: it keeps the cookie and reads the token out of pages. */
class Browser {
  readonly #gateway: typeof call;
  #cookie = "";

  constructor(gateway: typeof call = call) {
    this.#gateway = gateway;
  }

  async get(path: string): Promise<Response> {
    return this.#keep(await this.#gateway(path, { headers: { cookie: this.#cookie }, redirect: "manual" }));
  }

  async html(path: string): Promise<string> {
    const response = await this.get(path);
    expect(response.status, path).toBe(200);
    return response.text();
  }

  async post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    const init = { method: "POST", redirect: "manual", body: new URLSearchParams(fields).toString() } as const;
    return this.#keep(await this.#gateway(path, { ...init, headers: { ...FORM, cookie: this.#cookie, ...headers } }));
  }

  /** Sends a form of a page, with the token that the page carries. */
  async submit(path: string, fields: Record<string, string>): Promise<Response> {
    return this.post(path, { csrf_token: await this.token(), ...fields });
  }

  async token(): Promise<string> {
    return /name="csrf_token" value="([^"]+)"/.exec(await this.html("/dashboard"))?.[1] ?? "";
  }

  /** What the browser would send. */
  get cookie(): string {
    return this.#cookie;
  }

  signIn(key: string, next?: string): Promise<Response> {
    return this.post("/dashboard/sign-in", next === undefined ? { key } : { key, next });
  }

  #keep(response: Response): Response {
    const set = response.headers.get("set-cookie");
    if (set !== null) this.#cookie = /max-age=0/i.test(set) ? "" : (set.split(";")[0] ?? "");
    return response;
  }
}

async function signedIn(account: TestAccount): Promise<Browser> {
  const browser = new Browser();
  expect((await browser.signIn(account.key)).status).toBe(303);
  return browser;
}

/** A key of the text in which a new one is shown. */
function shownKey(html: string): string {
  return /sk-spill-[A-Za-z0-9_-]+/.exec(html)?.[0] ?? "";
}

describe("a session", () => {
  test("begins with a key; its cookie is out of reach for scripts and other sites, and ends after twelve hours", async () => {
    const account = await newAccount();
    const response = await new Browser().signIn(account.key, "/dashboard/keys");
    expect(response.headers.get("location")).toBe("/dashboard/keys");
    const cookie = response.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^__Host-spillway=/);
    for (const attribute of ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"]) expect(cookie).toContain(attribute);
    const maxAge = Number(/Max-Age=(\d+)/.exec(cookie)?.[1]);
    expect(maxAge).toBeGreaterThan(12 * 3_600 - 60);
    expect(maxAge).toBeLessThanOrEqual(12 * 3_600);
    expect(atob(decodeURIComponent(cookie).split(/[=.]/)[1] ?? "")).not.toContain(account.key.split("-")[4] ?? "?");
  });

  test("goes without Secure on http://localhost only", async () => {
    const { key } = await newAccount();
    const at = async (origin: string) => {
      const request = new Request(`${origin}/dashboard/sign-in`, {
        method: "POST",
        redirect: "manual",
        headers: { ...FORM, origin },
        body: new URLSearchParams({ key }).toString(),
      });
      const { exports } = await import("cloudflare:workers");
      return (await exports.default.fetch(request)).headers.get("set-cookie") ?? "";
    };
    expect(await at("http://localhost:8787")).not.toContain("Secure");
    expect(await at("http://gateway.test")).toContain("Secure");
    expect(await at("http://localhost.evil.test")).toContain("Secure");
  });

  test("is void when a bit of it is changed, and after its end whatever the browser does", async () => {
    const account = await newAccount();
    const browser = await signedIn(account);
    const headersOf = (cookie: string) => ({ headers: { cookie }, redirect: "manual" as const });
    const changed = browser.cookie.replace(/.(?=\.)/, (last) => (last === "A" ? "B" : "A"));
    expect(changed).not.toBe(browser.cookie);
    expect((await call("/dashboard", headersOf(browser.cookie))).status).toBe(200);
    expect((await call("/dashboard", headersOf(changed))).status).toBe(303);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 12 * 3_600_000 + 1_000 });
    expect((await call("/dashboard", headersOf(browser.cookie))).status).toBe(303);
    vi.useRealTimers();
  });

  test("ends with the next page when its key is revoked", async () => {
    const account = await newAccount();
    const second = await newKey(account.id);
    const browser = await signedIn({ ...account, key: second.key });
    await browser.html("/dashboard/requests");
    await operator("DELETE", `/admin/accounts/${account.id}/keys/${second.id}`);
    const response = await browser.get("/dashboard/requests?model=a");
    expect(response.status).toBe(303);
    const to = new URL(response.headers.get("location") ?? "", HOST);
    expect(Object.fromEntries(to.searchParams)).toEqual({ next: "/dashboard/requests?model=a", why: "ended" });
    expect(browser.cookie).toBe("");
  });

  test("ends when its holder signs out, and not when another site says so", async () => {
    const browser = await signedIn(await newAccount());
    const elsewhere = { origin: "https://evil.test", "sec-fetch-site": "cross-site" };
    expect((await browser.post("/dashboard/sign-out", {}, elsewhere)).status).toBe(403);
    expect((await browser.post("/dashboard/sign-out", {})).status).toBe(403);
    await browser.html("/dashboard");
    expect((await browser.submit("/dashboard/sign-out", {})).status).toBe(303);
    expect((await browser.get("/dashboard")).status).toBe(303);
  });

  test("is never led to another site after signing in", async () => {
    const { key } = await newAccount();
    for (const next of [
      "https://evil.test",
      "//evil.test",
      "/dashboard/../admin/plans",
      "/dashboard/%2E%2e/admin/plans",
      "/dashboard\\..\\x",
      "/admin",
      "/dashboardx",
      "javascript:1",
    ]) {
      const response = await new Browser().signIn(key, next);
      expect(response.headers.get("location"), next).toBe("/dashboard");
    }
  });

  test("is not given to wrong, foreign, revoked or too narrow keys, and guessing is slowed down by address", async () => {
    const account = await newAccount();
    const narrow = await newKey(account.id, { scopes: ["inference"] });
    const gone = await newKey(account.id);
    await operator("DELETE", `/admin/accounts/${account.id}/keys/${gone.id}`);
    const from = (address: string, key: string) =>
      new Browser().post("/dashboard/sign-in", { key }, { "cf-connecting-ip": address });
    for (const key of ["", "x", account.key.slice(0, -1), gone.key, narrow.key]) {
      const response = await from("192.0.2.1", key);
      expect(response.status).toBe(401);
      expect(response.headers.get("set-cookie")).toBeNull();
      expect(await response.text()).not.toContain("sk-spill-acct");
    }
    for (let failed = 0; failed < 5; failed += 1) await from("192.0.2.1", "x");
    const slowed = await from("192.0.2.1", account.key);
    expect(slowed.status).toBe(429);
    expect(Number(slowed.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await from("192.0.2.2", account.key)).status).toBe(303);
  });
});

describe("every page", () => {
  test("runs nothing inline, loads nothing from elsewhere, is framed by nobody and kept by no cache", async () => {
    const account = await newAccount({ credits: "5" });
    const id = requestIdOf(await ask(account, REQUEST));
    await confirmedReceipt(account, id);
    const browser = await signedIn(account);
    for (const path of [...PAGES, `/requests/${id}`, "/sign-in", "/nowhere"]) {
      const response = await browser.get(`/dashboard${path}`);
      const headers = response.headers;
      const policy = headers.get("content-security-policy") ?? "";
      expect(policy, path).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
      expect(headers.get("referrer-policy")).toBe("same-origin");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("cache-control"), path).toBe("private, no-store");
      const html = await response.text();
      expect(html).not.toMatch(/\sstyle=|<style|\son[a-z]+=|<script(?![^>]*src="\/)|(?:src|href)="(?:https?:)?\/\//i);
      expect(html).not.toContain(CANARY);
      expect(html).not.toContain(account.key);
    }
  });

  test("refers to assets that never change under their name", async () => {
    const html = await (await call("/dashboard/sign-in")).text();
    const paths = [...html.matchAll(/"(\/dashboard\/assets\/[^"]+)"/g)].map(([, path]) => path ?? "");
    expect(paths).toHaveLength(3);
    for (const path of paths) {
      const response = await call(path);
      expect(response.status, path).toBe(200);
      expect(response.headers.get("cache-control")).toContain("immutable");
      expect((await response.text()).length).toBeGreaterThan(100);
    }
    expect((await call("/dashboard/assets/style.css")).status).toBe(404);
  });

  test("leads whoever is not signed in to the sign-in, and back afterwards", async () => {
    for (const path of PAGES.slice(1)) {
      const response = await call(`/dashboard${path}`, { redirect: "manual" });
      expect(response.status).toBe(303);
      const to = new URL(response.headers.get("location") ?? "", HOST);
      expect([to.pathname, to.searchParams.get("next")]).toEqual(["/dashboard/sign-in", `/dashboard${path}`]);
    }
  });

  test("answers nonsense with a page that says so", async () => {
    const browser = await signedIn(await newAccount());
    const nonsense: [string, number][] = [
      ["/requests/req_0", 404],
      [`/requests/${encodeURIComponent("<script>")}`, 404],
      ["/requests?cursor=x", 400],
      ["/ledger?cursor=%00", 400],
      ["/ledger?limit=-1", 400],
      ["/usage?days=1e9&by=__proto__", 200],
      [`/requests?id=${"%25_".repeat(80)}&outcome=toString`, 200],
      ["/x", 404],
    ];
    for (const [path, status] of nonsense) expect((await browser.get(`/dashboard${path}`)).status, path).toBe(status);
    expect((await browser.post("/dashboard/keys", { csrf_token: await browser.token(), days: "12" })).status).toBe(400);
    expect((await browser.post("/dashboard/keys", {}, { "content-type": "application/json" })).status).toBe(415);
    expect((await browser.submit("/dashboard/keys", { name: "x".repeat(70_000) })).status).toBe(413);
  });

  test("shows markup in names and fields as the text that it is", async () => {
    const account = await newAccount({ credits: "5" });
    const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`;
    await newKey(account.id, { name: evil });
    await grant(account, "1", { kind: "promotional", reason: evil });
    const id = requestIdOf(await ask(account, { ...REQUEST, input: evil }));
    await confirmedReceipt(account, id);
    const browser = await signedIn(account);
    const query = new URLSearchParams({ id: evil, model: evil, outcome: evil });
    for (const path of [
      "",
      "/keys",
      "/ledger",
      `/requests?${query}`,
      `/requests/${id}`,
      `/sign-in?next=${query}&why=${query}`,
    ]) {
      const html = await browser.html(`/dashboard${path}`);
      expect(html, path).not.toMatch(/<script>alert|<img src=x/);
    }
    expect(await browser.html("/dashboard/keys")).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
  });

  test("tells of one account nothing that belongs to another", async () => {
    const [owner, other] = [await newAccount({ credits: "5" }), await newAccount({ credits: "7" })];
    const id = requestIdOf(await ask(owner, REQUEST));
    await confirmedReceipt(owner, id);
    const browser = await signedIn(other);
    expect((await browser.get(`/dashboard/requests/${id}`)).status).toBe(404);
    for (const path of PAGES) expect(await browser.html(`/dashboard${path}`), path).not.toContain(owner.id);
    const { id: foreign } = await newKey(owner.id);
    expect((await browser.submit(`/dashboard/keys/${foreign}/revoke`, {})).status).toBe(404);
    expect((await browser.submit(`/dashboard/keys/${foreign}/roll`, {})).status).toBe(404);
    const mine = await signedIn(owner);
    const token = await mine.token();
    expect((await browser.post("/dashboard/keys", { csrf_token: token, scope: "read" })).status).toBe(403);
  });
});

describe("the receipt page", () => {
  test("says what each source paid, in the order in which they were asked", async () => {
    const account = await newAccount();
    await grant(account, "0.4", { kind: "promotional", reason: "Welcome", priority: 1 });
    await grant(account, "5", { reason: "Order $& 1" });
    const id = requestIdOf(await ask(account, REQUEST));
    await confirmedReceipt(account, id);
    const html = await (await signedIn(account)).html(`/dashboard/requests/${id}`);
    expect(html).toContain("0.40 from the grant “Welcome”, 1.60 from the grant “Order $&amp; 1”");
    const labels = [...html.matchAll(/class="flow"[^>]*aria-label="([^"]+)"/g)].map(([, label]) => label);
    expect(labels).toEqual(["Welcome: paid 0.40", "Order $&amp; 1: paid 1.60"]);
    expect(html).toContain(`href="/api/requests/${id}"`);
  });

  test("names the calls of tools that a charge is made of", async () => {
    const account = await newAccount({ credits: "5" });
    const body = {
      model: "gpt-5.4",
      input: "x",
      max_output_tokens: 10,
      max_tool_calls: 2,
      tools: [{ type: "web_search" }],
    };
    const id = requestIdOf(await ask(account, body, { simulate: "searches=2" }));
    await confirmedReceipt(account, id);
    const html = await (await signedIn(account)).html(`/dashboard/requests/${id}`);
    expect(html).toContain("10 output tokens, 2 × web_search");
    expect(html).toMatch(/credits per million tokens: 1000 input, 10000 output; 0\.25 credits per web_search/);
  });

  test("says what a refused request lacked", async () => {
    const account = await newAccount({ credits: "0.25" });
    const id = requestIdOf(await ask(account, REQUEST));
    const html = await (await signedIn(account)).html(`/dashboard/requests/${id}`);
    expect(html).toMatch(/aria-label="[^"]*could give 0.25"/);
    expect(html).toContain("1.75 lacking");
  });
});

describe("keys", () => {
  test("are made, shown once, used, rolled with an overlap, and revoked", async () => {
    const account = await newAccount({ credits: "50" });
    const browser = await signedIn(account);
    const made = await browser.submit("/dashboard/keys", { name: "CI", days: "30", scope: "inference" });
    expect(made.status).toBe(201);
    const key = shownKey(await made.text());
    expect((await ask({ ...account, key }, REQUEST)).status).toBe(200);
    expect((await call("/api/account", { headers: bearer(key) })).status).toBe(403);
    const list = await browser.html("/dashboard/keys");
    expect(list).toContain("CI");
    expect(list).not.toContain(key);

    const id = /key_[0-9A-Za-z]{12}/.exec(key)?.[0] ?? "";
    const rolled = await browser.submit(`/dashboard/keys/${id}/roll`, { overlap_hours: "1" });
    const text = await rolled.text();
    const next = shownKey(text);
    expect(text).toContain("works on until");
    for (const one of [key, next]) expect((await ask({ ...account, key: one }, REQUEST)).status).toBe(200);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 + 1_000 });
    expect((await ask({ ...account, key }, REQUEST)).status).toBe(401);
    expect((await ask({ ...account, key: next }, REQUEST)).status).toBe(200);
    vi.useRealTimers();

    const nextId = /key_[0-9A-Za-z]{12}/.exec(next)?.[0] ?? "";
    expect((await browser.submit(`/dashboard/keys/${nextId}/revoke`, {})).status).toBe(303);
    expect((await ask({ ...account, key: next }, REQUEST)).status).toBe(401);
  });

  test("that sign in may be revoked by themselves, which ends the session", async () => {
    const account = await newAccount();
    const browser = await signedIn(account);
    const id = /key_[0-9A-Za-z]{12}/.exec(account.key)?.[0] ?? "";
    expect(await browser.html("/dashboard/keys")).toContain("revoking it ends your session");
    const response = await browser.submit(`/dashboard/keys/${id}/revoke`, {});
    expect((await browser.get(response.headers.get("location") ?? "")).status).toBe(303);
  });

  test("are not changed by a session whose key may only look", async () => {
    const account = await newAccount();
    const { key } = await newKey(account.id, { scopes: ["read"] });
    const browser = await signedIn({ ...account, key });
    expect(await browser.html("/dashboard/keys")).not.toContain("Make the key");
    expect((await browser.submit("/dashboard/keys", { scope: "read" })).status).toBe(403);
  });
});

describe("a form", () => {
  test("that is sent again too soon is refused, and is no accident of the gateway", async () => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status: 204 }));
    const account = await newAccount();
    const browser = await signedIn(account);
    const url = "https://hooks.example.com/twice";
    const added = await send("POST", "/api/alert-endpoints", { url }, bearer(account.key));
    const { id } = await added.json<{ id: string }>();
    vi.useFakeTimers({ toFake: ["Date"], now: Math.ceil(Date.now() / 5_000) * 5_000 + 1_000 });
    expect((await browser.submit(`/dashboard/alerts/webhooks/${id}/test`, {})).status).toBe(303);
    const again = await browser.submit(`/dashboard/alerts/webhooks/${id}/test`, {});
    vi.useRealTimers();
    expect(again.status).toBe(429);
    expect(await again.text()).toContain("A test is on its way");
  });
});

describe("a session at the self-service API", () => {
  test("may look, and changes something only with its token", async () => {
    const account = await newAccount();
    const browser = await signedIn(account);
    for (const path of ["/api/account", "/api/requests", "/api/usage", "/api/ledger.csv", "/api/ledger/export"]) {
      const response = await browser.get(path);
      expect(response.status, path).toBe(200);
      expect(response.headers.get("cache-control")).toBe("private, no-store");
      await response.text();
    }
    const token = await browser.token();
    const make = (headers: Record<string, string>) =>
      send("POST", "/api/keys", { name: "x" }, { cookie: browser.cookie, ...headers });
    expect((await make({})).status).toBe(403);
    expect((await make({ "x-csrf-token": `${token.slice(0, -1)}_` })).status).toBe(403);
    expect((await make({ "x-csrf-token": token })).status).toBe(201);
  });

  test("makes no request to a model", async () => {
    const browser = await signedIn(await newAccount({ credits: "5" }));
    const headers = { cookie: browser.cookie, "x-csrf-token": await browser.token() };
    expect((await send("POST", "/v1/responses", REQUEST, headers)).status).toBe(401);
    expect((await call("/v1/models", { headers })).status).toBe(401);
    expect((await call("/admin/plans", { headers })).status).toBe(401);
  });
});

describe("the platform's own sign-in", () => {
  const JWKS = "https://platform.test/jwks.json";
  const CONFIG = {
    SPILLWAY_JWT_ISSUER: "https://platform.test/",
    SPILLWAY_JWT_JWKS_URL: JWKS,
    SPILLWAY_JWT_AUDIENCE: "spillway",
    SPILLWAY_JWT_ACCOUNT_CLAIM: "tenant",
    SPILLWAY_JWT_ORIGINS: "https://platform.test",
  };

  async function platform() {
    const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: "k1", alg: "ES256", use: "sig" };
    const plain = globalThis.fetch;
    const fetched = vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      const url = String(input instanceof Request ? input.url : input);
      return url === JWKS ? Response.json({ keys: [jwk] }) : plain(input, init);
    });
    const token = (
      claims: Record<string, unknown>,
      more: { audience?: string; issuer?: string; expires?: string } = {},
    ) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: "ES256", kid: "k1" })
        .setIssuer(more.issuer ?? CONFIG.SPILLWAY_JWT_ISSUER)
        .setAudience(more.audience ?? "spillway")
        .setIssuedAt()
        .setExpirationTime(more.expires ?? "10m")
        .sign(privateKey);
    return { token, jwk, fetched, browser: () => new Browser(gatewayWith(CONFIG)) };
  }

  const fromPlatform = { origin: "https://platform.test", "sec-fetch-site": "cross-site" };

  test("opens the account that its claim names, without a key", async () => {
    const account = await newAccount({ credits: "5" });
    const { token, browser, fetched } = await platform();
    const user = browser();
    const response = await user.post(
      "/dashboard/sign-in/token",
      { token: await token({ tenant: account.id }) },
      fromPlatform,
    );
    expect(response.status).toBe(200);
    expect(response.headers.get("refresh")).toBe("0; url=/dashboard");
    expect(await user.html("/dashboard")).toContain(account.id);
    const made = await user.submit("/dashboard/keys", { name: "first", scope: "inference" });
    expect((await ask({ ...account, key: shownKey(await made.text()) }, REQUEST)).status).toBe(200);
    await user.post("/dashboard/sign-in/token", { token: await token({ tenant: account.id }) }, fromPlatform);
    expect(fetched.mock.calls.filter(([url]) => String(url) === JWKS).length).toBeLessThanOrEqual(2);
  });

  test("ends no later than its token", async () => {
    const account = await newAccount();
    const { token, browser } = await platform();
    const user = browser();
    await user.post(
      "/dashboard/sign-in/token",
      { token: await token({ tenant: account.id }, { expires: "5m" }) },
      fromPlatform,
    );
    await user.html("/dashboard");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 5 * 60_000 + 1_000 });
    expect((await user.get("/dashboard")).status).toBe(303);
    vi.useRealTimers();
  });

  test("takes no other token", async () => {
    const { id } = await newAccount();
    const { token, jwk, browser } = await platform();
    const stranger = await generateKeyPair("ES256");
    const sign = (header: { alg: string; kid?: string }, key: CryptoKey | Uint8Array) =>
      new SignJWT({ tenant: id })
        .setProtectedHeader(header)
        .setIssuer(CONFIG.SPILLWAY_JWT_ISSUER)
        .setAudience("spillway")
        .setExpirationTime("10m")
        .sign(key);
    const encode = (value: object) => btoa(JSON.stringify(value)).replace(/=+$/, "");
    const claims = { tenant: id, iss: CONFIG.SPILLWAY_JWT_ISSUER, aud: "spillway", exp: Date.now() };
    const wrong = {
      "another audience": await token({ tenant: id }, { audience: "other" }),
      "another issuer": await token({ tenant: id }, { issuer: "https://evil.test/" }),
      expired: await token({ tenant: id }, { expires: "-2m" }),
      "not yet": await token({ tenant: id, nbf: Math.floor(Date.now() / 1_000) + 600 }),
      "another signer": await sign({ alg: "ES256", kid: "k1" }, stranger.privateKey),
      "algorithm none": `${encode({ alg: "none" })}.${encode(claims)}.`,
      "the public key as a shared secret": await sign(
        { alg: "HS256", kid: "k1" },
        new TextEncoder().encode(JSON.stringify(jwk)),
      ),
      "no account": await token({}),
      "an odd account": await token({ tenant: { $ne: 1 } }),
      "an unknown account": await token({ tenant: "acct_nobody" }),
      nonsense: "a.b.c",
      nothing: "",
    };
    for (const [what, text] of Object.entries(wrong)) {
      const from = { ...fromPlatform, "cf-connecting-ip": what };
      const response = await browser().post("/dashboard/sign-in/token", { token: text }, from);
      expect(response.status, what).toBe(401);
      expect(response.headers.get("set-cookie"), what).toBeNull();
    }
  });

  test("is not begun by another site's page, and does not exist where it is not set up", async () => {
    const account = await newAccount();
    const { token, browser } = await platform();
    const fields = { token: await token({ tenant: account.id }) };
    const evil = { origin: "https://evil.test", "sec-fetch-site": "cross-site" };
    expect((await browser().post("/dashboard/sign-in/token", fields, evil)).status).toBe(403);
    expect((await new Browser().post("/dashboard/sign-in/token", fields)).status).toBe(404);
  });

  test("says so when the platform's keys cannot be had", async () => {
    const { token, browser } = await platform();
    const fields = { token: await token({ tenant: "acct_x" }) };
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("unreachable"));
    const gateway = browser();
    expect((await gateway.post("/dashboard/sign-in/token", fields, fromPlatform)).status).toBe(503);
  });
});
