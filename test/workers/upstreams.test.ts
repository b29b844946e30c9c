import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sha256Hex } from "../../src/sha256.ts";
import {
  ADMIN_TOKEN,
  type AskOptions,
  accountOf,
  ask,
  bearer,
  CANARY,
  type call,
  endedReceipt,
  forgetUpstream,
  gatewayWith,
  newAccount,
  openGateway,
  operator,
  RESPONSES,
  requestIdOf,
  send,
  type TestAccount,
  upstream,
} from "../support/gateway.ts";
import type { ErrorBody, Page } from "../support/wire.ts";

const SECOND_CANARY = "sk-canary-second-83c1f2a97d";
const SECOND = { base_url: "http://second.test/v1", key_secret: "UPSTREAM_SECOND_KEY", order: 200 };
const BODY = { model: "flat-1", input: "x", max_output_tokens: 10 };

interface UpstreamBody {
  readonly id: string;
  readonly base_url: string | null;
  readonly key_secret: string;
  readonly key_set: boolean;
}

let account: TestAccount;

beforeAll(async () => {
  await openGateway();
  account = await newAccount({ credits: "1000" });
});

/** Where no test has left anything: removes the upstreams that were put. */
beforeEach(async () => {
  const { data } = await (await operator("GET", "/admin/upstreams")).json<Page<UpstreamBody>>();
  for (const { id } of data) await operator("DELETE", `/admin/upstreams/${id}`);
  await forgetUpstream();
});

/** A gateway of its own, which knows the second key and has forgotten how upstreams fared. */
function freshGateway(): typeof call {
  return gatewayWith({ UPSTREAM_SECOND_KEY: SECOND_CANARY });
}

async function put(gateway: typeof call, id: string, document: object): Promise<UpstreamBody> {
  const response = await gateway(`/admin/upstreams/${id}`, {
    method: "PUT",
    headers: { ...bearer(ADMIN_TOKEN), "content-type": "application/json" },
    body: JSON.stringify(document),
  });
  if (!response.ok) throw new Error(`PUT ${id}: ${response.status} ${await response.text()}`);
  return response.json<UpstreamBody>();
}

describe("the operator's upstreams", () => {
  test("are put, listed, changed and deleted", async () => {
    const made = await operator("PUT", "/admin/upstreams/second", SECOND);
    expect(made.status).toBe(200);
    const body = await made.json<UpstreamBody>();
    expect(body).toMatchObject({
      id: "second",
      ...SECOND,
      auth: "bearer",
      weight: 1,
      websocket: "bridge",
      enabled: true,
    });
    await operator("PUT", "/admin/upstreams/second", { ...SECOND, weight: 3 });
    const listed = await (await operator("GET", "/admin/upstreams")).json<Page<UpstreamBody>>();
    expect(listed).toMatchObject({ data: [{ ...body, weight: 3, updated_at: expect.any(String) }], has_more: false });
    expect(await (await operator("DELETE", "/admin/upstreams/second")).json()).toEqual({ id: "second", deleted: true });
    expect((await operator("DELETE", "/admin/upstreams/second")).status).toBe(404);
    expect(await (await operator("GET", "/admin/upstreams")).json()).toMatchObject({ data: [] });
  });

  test("tell whether a secret is set, and never what it is", async () => {
    const gateway = freshGateway();
    const known = await put(gateway, "second", SECOND);
    const unknown = await put(gateway, "third", { ...SECOND, key_secret: "UPSTREAM_FORGOTTEN" });
    expect([known.key_set, unknown.key_set]).toEqual([true, false]);
    const listed = await gateway("/admin/upstreams", { headers: bearer(ADMIN_TOKEN) });
    const text = await listed.text();
    expect(JSON.parse(text)).toMatchObject({
      data: [
        { id: "second", key_secret: "UPSTREAM_SECOND_KEY", key_set: true },
        { id: "third", key_secret: "UPSTREAM_FORGOTTEN", key_set: false },
      ],
      environment: {
        id: "default",
        base_url: "http://upstream.test/v1",
        key_secret: "UPSTREAM_API_KEY",
        key_set: true,
      },
    });
    for (const secret of [CANARY, SECOND_CANARY, ADMIN_TOKEN, "test-key-secret"]) expect(text).not.toContain(secret);
  });

  // bad input no. 29
  test.each([
    "http://api.example.com",
    "https://169.254.169.254",
    "https://0x7f000001",
    "https://[::ffff:127.0.0.1]",
    "https://user@host.example",
    "https://host.example:8443",
    "https://metadata.google.internal",
  ])("may not be at %s", async (base_url) => {
    const response = await operator("PUT", "/admin/upstreams/second", { base_url });
    expect(response.status).toBe(400);
    const { error } = await response.json<ErrorBody>();
    expect(error).toMatchObject({ code: "invalid_upstream", message: expect.stringMatching(/^base_url: m(ust|ay) /) });
    expect(await (await operator("GET", "/admin/upstreams")).json()).toMatchObject({ data: [] });
  });

  test.each([["SPILLWAY_ADMIN_TOKEN"], ["SPILLWAY_KEY_SECRET"], ["UPSTREAM_BASE_URL"], ["constructor"], [CANARY]])(
    "may not take %s for a key, and are not told what is in it",
    async (key_secret) => {
      const response = await operator("PUT", "/admin/upstreams/second", { ...SECOND, key_secret });
      expect(response.status).toBe(400);
      const text = await response.text();
      for (const secret of [CANARY, ADMIN_TOKEN, "test-key-secret"]) expect(text).not.toContain(secret);
    },
  );

  test.each(["a b", "../x", "a%2Fb", `${"x".repeat(65)}`, ".hidden"])("may not be called %s", async (id) => {
    const response = await operator("PUT", `/admin/upstreams/${encodeURIComponent(id)}`, SECOND);
    expect([400, 404]).toContain(response.status);
    expect(await (await operator("GET", "/admin/upstreams")).json()).toMatchObject({ data: [] });
  });

  test.each([
    ["GET", "/admin/upstreams"],
    ["PUT", "/admin/upstreams/second"],
    ["DELETE", "/admin/upstreams/second"],
  ])("%s %s is closed to customers", async (method, path) => {
    const response = await send(method, path, method === "PUT" ? SECOND : undefined, bearer(account.key));
    expect(response.status).toBe(401);
  });
});

/** Asks, and tells where the request went, in which order, with which key. */
async function route(gateway: typeof call, simulate: string, options: AskOptions = {}, body: object = BODY) {
  const response = await ask(account, body, { simulate, gateway, ...options });
  const text = await response.text();
  const { requests } = await upstream();
  const calls = requests.map(({ host, headers, fields }) => ({ host, headers, model: fields.model }));
  await forgetUpstream();
  return { response, text, calls, hosts: calls.map(({ host }) => host) };
}

describe("a request goes to", () => {
  test("the next upstream when the first fails, with that one's key, and is charged once", async () => {
    const gateway = freshGateway();
    await put(gateway, "second", SECOND);
    for (const stream of [false, true]) {
      const before = await accountOf(account);
      const body = { ...BODY, stream };
      const { response, text, calls, hosts } = await route(gateway, "upstream.test/status=503;output=4", {}, body);
      expect(response.status).toBe(200);
      expect(hosts).toEqual(["upstream.test", "second.test"]);
      const keys = [CANARY, SECOND_CANARY].map((key) => `Bearer sha256:${sha256Hex(key).slice(0, 16)}`);
      expect(calls.map(({ headers }) => headers.authorization)).toEqual(keys);
      expect(JSON.stringify([...response.headers]) + text).not.toMatch(/canary/);
      await endedReceipt(account, requestIdOf(response));
      const { credits } = await accountOf(account);
      expect(Number(credits.used) - Number(before.credits.used)).toBeCloseTo(0.4, 6);
    }
  });

  test("the next upstream when the first is rate-limited, and is not held up by it for as long as that says", async () => {
    const gateway = freshGateway();
    await put(gateway, "second", SECOND);
    const limited = await route(gateway, "upstream.test/status=429;upstream.test/retry_after=60");
    expect([limited.response.status, limited.hosts]).toEqual([200, ["upstream.test", "second.test"]]);
    const next = await route(gateway, "output=1");
    expect([next.response.status, next.hosts]).toEqual([200, ["second.test"]]);
  });

  test("the first upstream again after its pause, whoever has counted input there meanwhile", async () => {
    const gateway = freshGateway();
    await put(gateway, "second", SECOND);
    await route(gateway, "upstream.test/status=429;upstream.test/retry_after=1");
    await scheduler.wait(1_100);
    expect((await route(gateway, "", { route: `${RESPONSES}/input_tokens` })).response.status).toBe(200);
    expect((await route(gateway, "output=1")).hosts).toEqual(["upstream.test"]);
  });

  test("the first upstream no longer once it failed five times in a row", async () => {
    const gateway = freshGateway();
    await put(gateway, "second", SECOND);
    for (let time = 0; time < 5; time += 1) {
      expect((await route(gateway, "upstream.test/status=500")).hosts).toEqual(["upstream.test", "second.test"]);
    }
    expect((await route(gateway, "output=1")).hosts).toEqual(["second.test"]);
  });

  test("no other upstream when it is refused itself", async () => {
    const gateway = freshGateway();
    await put(gateway, "second", SECOND);
    const { response, hosts } = await route(gateway, "upstream.test/status=400");
    expect([response.status, hosts]).toEqual([400, ["upstream.test"]]);
  });

  test("the upstream of its model, under the model's name and in the way of signing in there", async () => {
    const gateway = freshGateway();
    const azure = {
      base_url: "http://azure.test/openai/deployments/{model}",
      key_secret: "UPSTREAM_SECOND_KEY",
      auth: "api-key",
      query: { "api-version": "2025-04-01-preview" },
      models: { "flat-1": "our-flat" },
      order: 1,
    };
    await put(gateway, "azure", azure);
    await ask(account, BODY, { gateway });
    const [first] = (await upstream()).requests;
    expect(first).toMatchObject({
      host: "azure.test",
      path: "/openai/deployments/our-flat/responses?api-version=2025-04-01-preview",
      headers: { "api-key": SECOND_CANARY },
    });
    expect(first?.headers).not.toHaveProperty("authorization");
    await forgetUpstream();
    const { response, hosts } = await route(gateway, "output=1", {}, { ...BODY, model: "free-1" });
    expect([response.status, hosts]).toEqual([200, ["upstream.test"]]);
  });

  test("the upstream that keeps what it goes on from, also where only its input is counted", async () => {
    const gateway = freshGateway();
    await put(gateway, "second", SECOND);
    const first = await route(gateway, "upstream.test/status=503;output=4");
    const { id } = JSON.parse(first.text) as { id: string };
    for (const path of [RESPONSES, `${RESPONSES}/input_tokens`]) {
      const next = await route(gateway, "output=1", { route: path }, { ...BODY, previous_response_id: id });
      expect([path, next.response.status, next.hosts]).toEqual([path, 200, ["second.test"]]);
    }
  });

  test("no upstream that is disabled, is for other features, or lacks its secret", async () => {
    const gateway = freshGateway();
    await put(gateway, "disabled", { ...SECOND, base_url: "http://disabled.test/v1", order: 0, enabled: false });
    await put(gateway, "videos", { ...SECOND, base_url: "http://videos.test/v1", order: 0, features: ["sora"] });
    await put(gateway, "bare", { ...SECOND, base_url: "http://bare.test/v1", order: 0, key_secret: "UPSTREAM_NONE" });
    const { response, hosts } = await route(gateway, "output=1");
    expect([response.status, hosts]).toEqual([200, ["upstream.test"]]);
  });

  test("nobody when no upstream takes it: that is told, and costs nothing", async () => {
    const gateway = freshGateway();
    await put(gateway, "default", { base_url: null, features: ["sora"] });
    const before = await accountOf(account);
    const { response, text, hosts } = await route(gateway, "output=1");
    expect([response.status, hosts]).toEqual([503, []]);
    expect(JSON.parse(text)).toMatchObject({ error: { code: "no_upstream" } });
    expect((await accountOf(account)).credits).toEqual(before.credits);
  });

  test("where a document of the environment's upstream says, as soon as it is put", async () => {
    const gateway = freshGateway();
    expect((await route(gateway, "output=1")).hosts).toEqual(["upstream.test"]);
    await put(gateway, "default", { base_url: "http://moved.test/v1" });
    expect((await route(gateway, "output=1")).hosts).toEqual(["moved.test"]);
  });
});
