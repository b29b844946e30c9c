import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  ask,
  bearer,
  CHAT,
  call,
  newAccount,
  newKey,
  openGateway,
  operator,
  send,
  type TestAccount,
} from "../support/gateway.ts";
import type { ErrorBody } from "../support/wire.ts";

interface KeyBody {
  readonly id: string;
  readonly key: string;
  readonly name: string | null;
  readonly scopes: readonly string[] | null;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
}

const REQUEST = { model: "flat-1", input: "x", max_output_tokens: 20 };
const HOUR = 3_600_000;

beforeAll(openGateway);
afterEach(() => vi.useRealTimers());

function api(method: string, path: string, key: string, body?: unknown): Promise<Response> {
  return send(method, `/api/keys${path}`, body, bearer(key));
}

async function made(account: TestAccount, terms: object = {}): Promise<KeyBody> {
  const response = await api("POST", "", account.key, terms);
  expect(response.status).toBe(201);
  return response.json<KeyBody>();
}

async function refusal(response: Response): Promise<string> {
  return `${response.status} ${(await response.json<ErrorBody>()).error.code}`;
}

function later(ms: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
}

describe("what a key may do", () => {
  test("is everything for a key without scopes, and what its scopes name for others, at every door", async () => {
    const account = await newAccount({ credits: "90" });
    const doors: Record<string, [scope: string, knock: (key: string) => Promise<Response>]> = {
      "POST /v1/responses": ["inference", (key) => ask({ ...account, key }, REQUEST)],
      "POST /v1/chat/completions": [
        "inference",
        (key) =>
          ask(
            { ...account, key },
            { model: "flat-1", messages: [{ role: "user", content: "x" }], max_completion_tokens: 20 },
            { route: CHAT },
          ),
      ],
      "POST /v1/responses/input_tokens": [
        "inference",
        (key) => send("POST", "/v1/responses/input_tokens", REQUEST, bearer(key)),
      ],
      "GET /v1/models": ["inference", (key) => call("/v1/models", { headers: bearer(key) })],
      "GET /v1/videos": ["inference", (key) => call("/v1/videos", { headers: bearer(key) })],
      "GET /v1/responses, upgraded": [
        "inference",
        async (key) => {
          const answer = await call("/v1/responses", { headers: { ...bearer(key), upgrade: "websocket" } });
          answer.webSocket?.accept();
          answer.webSocket?.close();
          return answer.status === 101 ? new Response() : answer;
        },
      ],
      "GET /api/account": ["read", (key) => call("/api/account", { headers: bearer(key) })],
      "GET /api/ledger/export": ["read", (key) => call("/api/ledger/export", { headers: bearer(key) })],
      "POST /api/quote": ["read", (key) => send("POST", "/api/quote", REQUEST, bearer(key))],
      "GET /api/keys": ["read", (key) => api("GET", "", key)],
      "POST /api/keys": ["manage", (key) => api("POST", "", key, { scopes: ["manage"] })],
      "DELETE /api/keys/…": ["manage", async (key) => api("DELETE", `/${(await newKey(account.id)).id}`, key)],
    };
    const keys = {
      all: account.key,
      inference: (await newKey(account.id, { scopes: ["inference"] })).key,
      read: (await newKey(account.id, { scopes: ["read"] })).key,
      manage: (await newKey(account.id, { scopes: ["manage"] })).key,
    };
    for (const [door, [scope, knock]] of Object.entries(doors)) {
      for (const [name, key] of Object.entries(keys)) {
        const answer = await knock(key);
        const told = answer.ok ? "open" : await refusal(answer);
        expect(told, `${door} with ${name}`).toBe(name === "all" || name === scope ? "open" : "403 missing_scope");
      }
    }
  });

  test("is one of three things; the operator cannot give a key another", async () => {
    const { id, key } = await newAccount();
    for (const scopes of [["admin"], [], ["read", "x"], "read"]) {
      expect((await operator("POST", `/admin/accounts/${id}/keys`, { scopes })).status).toBe(400);
      expect((await api("POST", "", key, { scopes })).status).toBe(400);
    }
  });
});

describe("the holder of an account", () => {
  test("makes keys, sees them without their secrets, and revokes them", async () => {
    const account = await newAccount({ credits: "9" });
    const { key, ...shown } = await made(account, { name: "CI", scopes: ["inference"] });
    expect(shown).toMatchObject({ name: "CI", scopes: ["inference"], expires_at: null, revoked_at: null });
    const list = await (await api("GET", "", account.key)).json<{ data: KeyBody[] }>();
    expect(list.data).toHaveLength(2);
    expect(list.data[1]).toEqual(shown);
    expect(JSON.stringify(list)).not.toContain("sk-spill-");
    const gone = await api("DELETE", `/${shown.id}`, account.key);
    expect(await gone.json()).toEqual({ id: shown.id, revoked: true, was_own: false });
    expect((await ask({ ...account, key }, REQUEST)).status).toBe(401);
    expect(await refusal(await api("DELETE", "/key_none", account.key))).toBe("404 key_not_found");
  });

  test("may revoke the very key that asks, and is told so", async () => {
    const account = await newAccount();
    const id = /key_[0-9A-Za-z]{12}/.exec(account.key)?.[0] ?? "";
    expect(await (await api("DELETE", `/${id}`, account.key)).json()).toEqual({ id, revoked: true, was_own: true });
    expect((await api("GET", "", account.key)).status).toBe(401);
  });

  test("rolls a key: the new one works at once, the old one for the overlap", async () => {
    const account = await newAccount({ credits: "9" });
    const expires_at = new Date(Date.now() + 10 * 24 * HOUR).toISOString();
    const old = await made(account, { name: "CI", scopes: ["inference"], expires_at });
    const response = await api("POST", `/${old.id}/roll`, account.key, { overlap_hours: 2 });
    expect(response.status).toBe(201);
    const rolled = await response.json<KeyBody & { replaces: { id: string; expires_at: string } }>();
    expect(rolled).toMatchObject({ name: "CI", scopes: ["inference"], replaces: { id: old.id } });
    const life = Date.parse(rolled.expires_at ?? "") - Date.now();
    expect(life).toBeGreaterThan(9.9 * 24 * HOUR);
    expect(Date.parse(rolled.replaces.expires_at) - Date.now()).toBeLessThanOrEqual(2 * HOUR);
    for (const { key } of [old, rolled]) expect((await ask({ ...account, key }, REQUEST)).status).toBe(200);
    later(2 * HOUR + 1_000);
    expect((await ask({ ...account, key: old.key }, REQUEST)).status).toBe(401);
    expect((await ask({ ...account, key: rolled.key }, REQUEST)).status).toBe(200);
    expect(await refusal(await api("POST", `/${old.id}/roll`, account.key, {}))).toBe("404 key_not_found");
  });

  test.each([null, 10 * 24])("rolled again, gives a key as long a life as the first time: %s hours", async (hours) => {
    const account = await newAccount();
    const expires_at = hours === null ? null : new Date(Date.now() + hours * HOUR).toISOString();
    const old = await made(account, { expires_at });
    const heirs: KeyBody[] = [];
    for (const overlap_hours of [1, 2]) {
      const rolled = await api("POST", `/${old.id}/roll`, account.key, { overlap_hours });
      heirs.push(await rolled.json<KeyBody>());
    }
    for (const heir of heirs) {
      if (hours === null) expect(heir.expires_at).toBeNull();
      else expect(Date.parse(heir.expires_at ?? "") - Date.now()).toBeGreaterThan((hours - 1) * HOUR);
    }
  });

  test("never prolongs a key by rolling it", async () => {
    const account = await newAccount();
    const soon = new Date(Date.now() + HOUR).toISOString();
    const old = await made(account, { expires_at: soon });
    const response = await api("POST", `/${old.id}/roll`, account.key, { overlap_hours: 700 });
    expect((await response.json<{ replaces: { expires_at: string } }>()).replaces.expires_at).toBe(soon);
  });

  test("cannot give a key more than the key that asks may do", async () => {
    const account = await newAccount();
    const narrow = await newKey(account.id, { scopes: ["manage", "read"] });
    for (const scopes of [null, ["inference"], ["read", "inference"]]) {
      expect(await refusal(await api("POST", "", narrow.key, { scopes }))).toBe("403 missing_scope");
    }
    expect((await api("POST", "", narrow.key, { scopes: ["read"] })).status).toBe(201);
    const full = /key_[0-9A-Za-z]{12}/.exec(account.key)?.[0];
    expect(await refusal(await api("POST", `/${full}/roll`, narrow.key, {}))).toBe("403 missing_scope");
  });

  test("has at most 50 keys that work; those that ended do not count", async () => {
    const account = await newAccount();
    const short = new Date(Date.now() + HOUR).toISOString();
    for (let count = 1; count < 50; count += 1) await made(account, count === 1 ? { expires_at: short } : {});
    const over = await api("POST", "", account.key, {});
    expect(await refusal(over)).toBe("409 too_many_keys");
    later(HOUR + 1_000);
    expect((await api("POST", "", account.key, {})).status).toBe(201);
  });

  test("is told what is wrong with a request", async () => {
    const { key } = await newAccount();
    const { id } = await made({ id: "", key });
    const wrong: [string, unknown][] = [
      ["", { name: "" }],
      ["", { name: 5 }],
      ["", { expires_at: "2020-01-01T00:00:00Z" }],
      ["", { expires_at: "tomorrow" }],
      ["", { secret: "mine" }],
      ["", []],
      [`/${id}/roll`, { overlap_hours: -1 }],
      [`/${id}/roll`, { overlap_hours: 1e9 }],
    ];
    for (const [path, body] of wrong) {
      expect((await api("POST", path, key, body)).status, JSON.stringify(body)).toBe(400);
    }
  });
});
