import { createExecutionContext, createMessageBatch, createScheduledController, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { AlertMessage } from "../../src/alerts/messages.ts";
import type { Env } from "../../src/env.ts";
import worker from "../../src/worker.ts";
import {
  ask,
  asOperator,
  bearer,
  call,
  endedReceipt,
  eventually,
  grant,
  look,
  newAccount,
  newKey,
  openGateway,
  operator,
  putPlan,
  requestIdOf,
  send,
  type TestAccount,
} from "../support/gateway.ts";
import { objects, runAlarm } from "../support/object.ts";
import { includedPlan } from "../support/offer.ts";
import type { ErrorBody, Page } from "../support/wire.ts";

interface AlertRow {
  readonly id: string;
  readonly rule: string;
  readonly message: string;
  readonly account: string | null;
  readonly acknowledged_at: string | null;
}

interface EndpointRow {
  readonly id: string;
  readonly url: string;
  readonly secret?: string;
  readonly disabled_at: string | null;
}

/** What a receiver got. */
interface Hook {
  readonly url: string;
  readonly body: string;
  readonly headers: Record<string, string>;
}

beforeAll(async () => {
  await openGateway();
  await putPlan("included", includedPlan("10", "100"));
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  // What a receiver has not accepted would be sent again in the middle of another test.
  await (env as Env).DB.prepare("UPDATE alert_deliveries SET state = 'failed' WHERE state = 'pending'").run();
});

/** Stands in for receivers under `*.example.com`, which answer with `status`. */
function receive(status: (hook: Hook) => number = () => 204): Hook[] {
  const hooks: Hook[] = [];
  const real = globalThis.fetch.bind(globalThis);
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    if (!new URL(request.url).hostname.endsWith(".example.com")) return real(request);
    const hook = { url: request.url, body: await request.text(), headers: Object.fromEntries(request.headers) };
    hooks.push(hook);
    return new Response(null, { status: status(hook) });
  });
  return hooks;
}

async function cron(): Promise<void> {
  const controller = createScheduledController({ cron: "* * * * *", scheduledTime: Date.now() });
  await worker.scheduled(controller, env as Env, createExecutionContext());
}

async function alertsOf(account: TestAccount, query = ""): Promise<readonly AlertRow[]> {
  return (await look<Page<AlertRow>>(account, `/api/alerts${query}`)).data;
}

/** Uses a tenth of a credit for each token, and waits until the ledger has heard of it. */
async function use(account: TestAccount, tokens: number): Promise<void> {
  const { DB } = env as Env;
  const response = await ask(
    account,
    { model: "flat-1", input: "x", max_output_tokens: tokens },
    { simulate: `output=${tokens}` },
  );
  expect(response.status).toBe(200);
  const { ledger } = await endedReceipt(account, requestIdOf(response));
  await runAlarm(account);
  await eventually(async () => {
    const row = await DB.prepare("SELECT max_seq FROM balances WHERE account_id = ?")
      .bind(account.id)
      .first<number>("max_seq");
    expect(row).toBeGreaterThanOrEqual(ledger?.seq ?? Number.POSITIVE_INFINITY);
  });
}

function put(account: TestAccount, settings: object): Promise<Response> {
  return send("PUT", "/api/alert-settings", settings, bearer(account.key));
}

async function addEndpoint(account: TestAccount, body: object): Promise<EndpointRow> {
  const response = await send("POST", "/api/alert-endpoints", body, bearer(account.key));
  expect(response.status).toBe(201);
  return response.json();
}

async function codeOf(response: Response): Promise<string> {
  return (await response.json<ErrorBody>()).error.code;
}

async function stateOf(endpoint: EndpointRow): Promise<string[]> {
  const { DB } = env as Env;
  const { results } = await DB.prepare("SELECT state FROM alert_deliveries WHERE endpoint_id = ?")
    .bind(endpoint.id)
    .all<{ state: string }>();
  return results.map(({ state }) => state);
}

describe("an account is told", () => {
  test("once per window and percentage, however often it is looked at", async () => {
    const account = await newAccount({ plan: "included" });
    await use(account, 40);
    await use(account, 43);
    await cron();
    await cron();
    expect((await alertsOf(account)).map(({ message }) => message)).toEqual([
      "80 % of included is used for this 5h window.",
    ]);
    await use(account, 17);
    await Promise.all([cron(), cron()]);
    expect((await alertsOf(account)).map(({ message }) => message)).toEqual([
      "100 % of included is used for this 5h window.",
      "80 % of included is used for this 5h window.",
    ]);
  });

  test("when credits fall below what it said, and again after they have risen", async () => {
    const account = await newAccount({ credits: "10" });
    expect((await put(account, { credits_below: "8" })).status).toBe(200);
    await use(account, 30);
    await cron();
    await use(account, 10);
    await cron();
    expect((await alertsOf(account)).map(({ rule }) => rule)).toEqual(["credits_low"]);
    await grant(account, "10");
    await eventually(async () => {
      await cron();
      const { DB } = env as Env;
      const watch = await DB.prepare("SELECT state FROM alert_watches WHERE account_id = ?")
        .bind(account.id)
        .first<string>("state");
      expect(watch).not.toContain("credits_low");
    });
    await use(account, 50);
    await use(account, 50);
    await cron();
    expect((await alertsOf(account)).map(({ rule }) => rule)).toEqual(["credits_low", "credits_low"]);
  });

  test("that it is frozen, by a reconciliation too, which moves nothing in the ledger", async () => {
    const account = await newAccount({ credits: "10" });
    await use(account, 1);
    await cron();
    const { DB } = env as Env;
    await DB.prepare("UPDATE balances SET balance = balance + 1 WHERE account_id = ?").bind(account.id).run();
    vi.spyOn(console, "error").mockImplementation(() => {});
    await asOperator("POST", "/admin/reconciliations", { account: account.id });
    // Somebody has another account checked before anybody has looked.
    await asOperator("POST", "/admin/reconciliations", { account: (await newAccount()).id });
    await cron();
    await cron();
    expect((await alertsOf(account)).map(({ rule }) => rule)).toEqual(["account_frozen"]);
  });

  test("nothing of it where it does not want to hear, and is not looked at every minute for that", async () => {
    const account = await newAccount({ credits: "10" });
    await put(account, { frozen: false });
    await use(account, 1);
    await cron();
    const { DB } = env as Env;
    const looks = () =>
      DB.prepare("SELECT version FROM alert_watches WHERE account_id = ?").bind(account.id).first<number>("version");
    const before = (await looks()) ?? 0;
    await DB.prepare("UPDATE balances SET balance = balance + 1 WHERE account_id = ?").bind(account.id).run();
    vi.spyOn(console, "error").mockImplementation(() => {});
    await asOperator("POST", "/admin/reconciliations", { account: account.id });
    // A look in the millisecond of the reconciliation's end would not be known to have come after it.
    await scheduler.wait(5);
    for (let minute = 0; minute < 5; minute += 1) await cron();
    expect(await looks()).toBe(before + 1);
    expect(await alertsOf(account)).toEqual([]);
    // Somebody who wants to hear of it later is told at once.
    await put(account, { frozen: true });
    await cron();
    expect((await alertsOf(account)).map(({ rule }) => rule)).toEqual(["account_frozen"]);
  });

  test("nothing that it does not want to hear; by default it hears what the operator says", async () => {
    const account = await newAccount({ credits: "10" });
    expect(await look(account, "/api/alert-settings")).toMatchObject({
      windows: [80, 95, 100],
      credits_below: null,
      from: "usual",
    });
    await asOperator("PUT", "/admin/alert-settings", { credits_below: "9.5" });
    expect(await look(account, "/api/alert-settings")).toMatchObject({ credits_below: "9.5", from: "operator" });
    await use(account, 10);
    await cron();
    expect(await alertsOf(account)).toMatchObject([{ rule: "credits_low" }]);
    const quiet = await newAccount({ credits: "10" });
    expect(await (await put(quiet, { credits_below: null })).json()).toMatchObject({ from: "account" });
    await use(quiet, 10);
    await cron();
    expect(await alertsOf(quiet)).toEqual([]);
    await call("/api/alert-settings", { method: "DELETE", headers: bearer(quiet.key) });
    expect(await look(quiet, "/api/alert-settings")).toMatchObject({ from: "operator" });
    await asOperator("PUT", "/admin/alert-settings", {});
  });

  test("and acknowledges what it has seen; nobody else can", async () => {
    const [account, other] = [await newAccount({ plan: "included" }), await newAccount()];
    await use(account, 50);
    await use(account, 45);
    await cron();
    const [alert] = await alertsOf(account);
    const path = `/api/alerts/${alert?.id}/acknowledge`;
    expect(await (await send("POST", path, {}, bearer(other.key))).json()).toEqual({ acknowledged: 0 });
    expect(await alertsOf(account, "?acknowledged=false")).toHaveLength(1);
    expect(await (await send("POST", path, {}, bearer(account.key))).json()).toEqual({ acknowledged: 1 });
    expect(await alertsOf(account, "?acknowledged=false")).toEqual([]);
    expect(await alertsOf(account)).toMatchObject([{ acknowledged_at: expect.any(String) }]);
    expect(await alertsOf(other)).toEqual([]);
  });

  test("of what was told long ago no more", async () => {
    const account = await newAccount({ plan: "included" });
    await use(account, 95);
    await cron();
    const [alert] = await alertsOf(account);
    const { DB } = env as Env;
    const days = (count: number) => Date.now() - count * 24 * 3_600_000;
    await DB.prepare("UPDATE alerts SET at = ? WHERE id = ?").bind(days(100), alert?.id).run();
    await cron();
    expect(await alertsOf(account)).toMatchObject([{ id: alert?.id }]);
    await DB.prepare("UPDATE alerts SET at = ? WHERE id = ?").bind(days(400), alert?.id).run();
    await cron();
    expect(await alertsOf(account)).toEqual([]);
  });

  test.each<[string, object]>([
    ["a percentage above all of it", { windows: [101] }],
    ["credits of nothing", { credits_below: "0" }],
    ["a number that is no text", { credits_below: 5 }],
    ["a misspelt field", { credit_below: "5" }],
  ])("settings are refused: %s", async (_, settings) => {
    const response = await put(await newAccount(), settings);
    expect([response.status, await codeOf(response)]).toEqual([400, "invalid_request"]);
  });
});

describe("a webhook", () => {
  test("is signed as Standard Webhooks, so that its receiver can verify it", async () => {
    const account = await newAccount({ plan: "included" });
    const endpoint = await addEndpoint(account, { url: "https://hooks.example.com/spillway" });
    const hooks = receive();
    await use(account, 50);
    await use(account, 50);
    await cron();
    await eventually(async () => expect(hooks).toHaveLength(1));
    const [hook] = hooks;
    if (!hook) throw new Error("nothing came");
    const [alert] = await alertsOf(account);
    expect(new Webhook(endpoint.secret ?? "").verify(hook.body, hook.headers)).toMatchObject({
      type: "alert.window_used",
      data: { id: alert?.id, account: account.id, percent: 100, allowance: "included", used: "10.000000" },
    });
    expect(hook.headers["webhook-id"]).toBe(alert?.id);
    await eventually(async () => expect(await stateOf(endpoint)).toEqual(["delivered"]));
  });

  test("that is not accepted is sent again with the same id, after a pause, and once accepted no more", async () => {
    const account = await newAccount();
    const endpoint = await addEndpoint(account, { url: "https://hooks.example.com/flaky" });
    // The pause passes when this test says so.
    vi.useFakeTimers({ toFake: ["Date"] });
    let answers = 0;
    const hooks = receive(() => {
      answers += 1;
      return answers === 1 ? 500 : 204;
    });
    const response = await send("POST", `/api/alert-endpoints/${endpoint.id}/test`, {}, bearer(account.key));
    const { id } = await response.json<{ id: string }>();
    await eventually(async () => expect(hooks).toHaveLength(1));
    await eventually(async () => expect(await stateOf(endpoint)).toEqual(["pending"]));
    const message = { v: 1, deliveryId: `${id}.${endpoint.id}` } as const;
    // A message that comes too early changes nothing.
    expect(await deliverNow(message)).toEqual({ acked: 1, hooks: 1 });
    vi.setSystemTime(Date.now() + 6_000);
    await Promise.all([deliverNow(message), deliverNow(message)]);
    await deliverNow(message);
    await eventually(async () => expect(await stateOf(endpoint)).toEqual(["delivered"]));
    expect(hooks.map(({ headers }) => headers["webhook-id"])).toEqual([id, id]);

    async function deliverNow(body: AlertMessage) {
      const batch = createMessageBatch<AlertMessage>("spillway-alerts", [
        { id: "m1", timestamp: new Date(), attempts: 1, body },
      ]);
      const context = createExecutionContext();
      await worker.queue(batch, env as Env, context);
      const { explicitAcks } = await getQueueResult(batch, context);
      return { acked: explicitAcks.length, hooks: hooks.length };
    }
  });

  test("whose message was lost is found on the list a minute later", async () => {
    const account = await newAccount();
    const endpoint = await addEndpoint(account, { url: "https://hooks.example.com/lost" });
    const hooks = receive();
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { ALERT_QUEUE } = env as Env;
    vi.spyOn(ALERT_QUEUE, "sendBatch").mockRejectedValueOnce(new Error("Too Many Requests"));
    await send("POST", `/api/alert-endpoints/${endpoint.id}/test`, {}, bearer(account.key));
    await scheduler.wait(200);
    expect(hooks).toEqual([]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 120_000 });
    await cron();
    await eventually(async () => expect(hooks).toHaveLength(1));
  });

  test("as a test goes out once in five seconds, however often it is asked for", async () => {
    const account = await newAccount();
    const endpoint = await addEndpoint(account, { url: "https://hooks.example.com/hammered" });
    const hooks = receive();
    const askForTest = () => send("POST", `/api/alert-endpoints/${endpoint.id}/test`, {}, bearer(account.key));
    const begun = Math.ceil(Date.now() / 5_000) * 5_000 + 1_000;
    vi.useFakeTimers({ toFake: ["Date"], now: begun });
    const answers = await Promise.all(Array.from({ length: 20 }, askForTest));
    const refused = answers.filter(({ status }) => status !== 202);
    expect(refused).toHaveLength(19);
    const [first] = refused;
    expect([first?.status, first?.headers.get("retry-after")]).toEqual([429, "4"]);
    expect(first && (await codeOf(first))).toBe("tested_already");
    vi.setSystemTime(begun + 4_000);
    expect((await askForTest()).status).toBe(202);
    await eventually(async () => expect(hooks).toHaveLength(2));
  });

  test("is signed with both secrets for a day after a rotation, and shows each once", async () => {
    const account = await newAccount();
    const endpoint = await addEndpoint(account, { url: "https://hooks.example.com/rotated" });
    const rotated = await send("POST", `/api/alert-endpoints/${endpoint.id}/rotate`, {}, bearer(account.key));
    const { secret } = await rotated.json<EndpointRow>();
    expect(secret).not.toBe(endpoint.secret);
    const hooks = receive();
    await send("POST", `/api/alert-endpoints/${endpoint.id}/test`, {}, bearer(account.key));
    await eventually(async () => expect(hooks).toHaveLength(1));
    const [hook] = hooks;
    for (const each of [endpoint.secret, secret]) {
      expect(new Webhook(each ?? "").verify(hook?.body ?? "", hook?.headers ?? {})).toMatchObject({
        type: "alert.test",
      });
    }
    const { DB } = env as Env;
    await DB.prepare("UPDATE alert_endpoints SET rotated_until = 1 WHERE id = ?").bind(endpoint.id).run();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 6_000 });
    await send("POST", `/api/alert-endpoints/${endpoint.id}/test`, {}, bearer(account.key));
    await eventually(async () => expect(hooks).toHaveLength(2));
    expect(() => new Webhook(endpoint.secret ?? "").verify(hooks[1]?.body ?? "", hooks[1]?.headers ?? {})).toThrow();
    const listed = await (await call("/api/alert-endpoints", { headers: bearer(account.key) })).text();
    expect(listed).toContain(endpoint.id);
    expect(listed).not.toContain("whsec_");
  });

  test("to a receiver that is gone for good ends, and turns its endpoint off", async () => {
    const account = await newAccount();
    const endpoint = await addEndpoint(account, { url: "https://hooks.example.com/gone" });
    receive(() => 410);
    await send("POST", `/api/alert-endpoints/${endpoint.id}/test`, {}, bearer(account.key));
    await eventually(async () => {
      const { data } = await look<Page<EndpointRow>>(account, "/api/alert-endpoints");
      expect(data).toMatchObject([{ disabled_at: expect.any(String) }]);
      expect(await stateOf(endpoint)).toEqual(["failed"]);
    });
  });

  test("does not follow a redirect", async () => {
    const account = await newAccount();
    const endpoint = await addEndpoint(account, { url: "https://hooks.example.com/moved" });
    const hooks = receive(() => 302);
    await send("POST", `/api/alert-endpoints/${endpoint.id}/test`, {}, bearer(account.key));
    await eventually(async () => expect(hooks).toHaveLength(1));
    await eventually(async () => expect(await stateOf(endpoint)).toEqual(["pending"]));
    expect(hooks).toHaveLength(1);
  });

  test("of one account never reaches another's endpoint; the operator's hears of all, by its rules", async () => {
    const [account, other] = [await newAccount({ plan: "included" }), await newAccount()];
    await addEndpoint(account, { url: "https://own.example.com/" });
    await addEndpoint(other, { url: "https://other.example.com/" });
    await asOperator("POST", "/admin/alert-endpoints", { url: "https://ops.example.com/" });
    await asOperator("POST", "/admin/alert-endpoints", {
      url: "https://frozen.example.com/",
      rules: ["account_frozen"],
    });
    const hooks = receive();
    await use(account, 50);
    await use(account, 50);
    await cron();
    const told = () => hooks.filter(({ body }) => body.includes(account.id)).map(({ url }) => url);
    await eventually(async () =>
      expect(told().sort()).toEqual(["https://ops.example.com/", "https://own.example.com/"]),
    );
    const { data } = await asOperator<Page<EndpointRow>>("GET", "/admin/alert-endpoints");
    for (const { id } of data) await asOperator("DELETE", `/admin/alert-endpoints/${id}`);
  });
});

describe("an endpoint", () => {
  test.each([
    "http://hooks.example.com/",
    "http://localhost/",
    "http://hooks.test/",
    "https://localhost/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://[::1]/",
    "https://10.0.0.1/hook",
    "https://metadata.google.internal/",
    "https://printer.local/",
    "https://api.localhost/",
    "https://router.lan/",
    "https://printer.home.arpa/",
    "https://intranet/",
    "https://hooks.svc/",
    "https://hooks.default.svc/",
    "https://hooks.default.svc.cluster.local/",
    "https://hooks.default.svc.cluster.local./",
    "https://HOOKS.Service.Consul/",
    "https://hooks.docker/",
    "https://hooks.private/",
    "https://hooks.test/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://%31%32%37.0.0.1/",
    "https://１２７。0.0.1/",
    "https://169.254.169.254/",
    "https://100.64.0.1/",
    "https://192.168.1.1/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:a00:1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://hooks.example.com:8443/",
    "https://hooks.example.com/?token=1",
    "https://hooks.example.com/#x",
    "https://hooks.example.com/{account}",
    "https://hooks.exa\tmple.com/",
    "https://hooks.example.com/a\nb",
    "https://hooks.example.com/\r\n",
    "https://hooks.example.com\\@evil.example/",
    "https://hooks.example.com/a\\b",
    "https://hooks.example.com/a b",
    "https://hooks.example.com/a\u0000b",
    " https://hooks.example.com/",
    `https://hooks.example.com/${"é".repeat(100)}`,
    "https://user:password@hooks.example.com/",
    "ftp://hooks.example.com/",
    "hooks.example.com",
    "",
  ])("is refused at %j", async (url) => {
    const account = await newAccount();
    const response = await send("POST", "/api/alert-endpoints", { url }, bearer(account.key));
    expect([response.status, await codeOf(response)]).toEqual([400, "invalid_request"]);
  });

  test("is kept, shown and called at the address as it was understood", async () => {
    const account = await newAccount();
    const hooks = receive();
    const { id, url } = await addEndpoint(account, { url: "https://HOOKS.Example.com:443/a/../Spillway/é" });
    const { data } = await look<Page<EndpointRow>>(account, "/api/alert-endpoints");
    await send("POST", `/api/alert-endpoints/${id}/test`, {}, bearer(account.key));
    await eventually(async () => expect(hooks).toHaveLength(1));
    const understood = "https://hooks.example.com/Spillway/%C3%A9";
    expect([url, data[0]?.url, hooks[0]?.url]).toEqual([understood, understood, understood]);
  });

  test("of another account is not there", async () => {
    const [account, other] = [await newAccount(), await newAccount()];
    const { id } = await addEndpoint(account, { url: "https://hooks.example.com/mine" });
    const attempts = [
      await send("DELETE", `/api/alert-endpoints/${id}`, undefined, bearer(other.key)),
      await send("POST", `/api/alert-endpoints/${id}/rotate`, {}, bearer(other.key)),
      await send("POST", `/api/alert-endpoints/${id}/test`, {}, bearer(other.key)),
    ];
    expect(attempts.map(({ status }) => status)).toEqual([404, 404, 404]);
  });

  test("is added with a key that may manage the account, and ten at most", async () => {
    const { id } = await newAccount();
    const { key } = await newKey(id, { scopes: ["read"] });
    const reading = await send("POST", "/api/alert-endpoints", { url: "https://a.example.com/" }, bearer(key));
    expect([reading.status, await codeOf(reading)]).toEqual([403, "missing_scope"]);
    const account = { id, key: (await newKey(id)).key };
    for (let n = 0; n < 10; n += 1) await addEndpoint(account, { url: `https://a${n}.example.com/` });
    const eleventh = await send("POST", "/api/alert-endpoints", { url: "https://b.example.com/" }, bearer(account.key));
    expect([eleventh.status, await codeOf(eleventh)]).toEqual([409, "too_many_endpoints"]);
  });

  test("is one of ten at most also when sixty are asked for at once, and the operator's are counted apart", async () => {
    const account = await newAccount();
    const asked = Array.from({ length: 60 }, (_, n) => ({ url: `https://a${n}.example.com/`, rules: ["test"] }));
    const add = (body: object) => send("POST", "/api/alert-endpoints", body, bearer(account.key));
    const addForOperator = (body: object) => operator("POST", "/admin/alert-endpoints", body);
    for (const one of [add, addForOperator]) {
      const statuses = (await Promise.all(asked.map(one))).map(({ status }) => status);
      expect(statuses.filter((status) => status === 201)).toHaveLength(10);
      expect(statuses.filter((status) => status === 409)).toHaveLength(50);
    }
    const { data } = await look<Page<EndpointRow>>(account, "/api/alert-endpoints");
    expect(data).toHaveLength(10);
    const [first] = data;
    await send("DELETE", `/api/alert-endpoints/${first?.id}`, undefined, bearer(account.key));
    await addEndpoint(account, { url: "https://b.example.com/" });
    const { data: theirs } = await asOperator<Page<EndpointRow>>("GET", "/admin/alert-endpoints");
    for (const { id } of theirs) await asOperator("DELETE", `/admin/alert-endpoints/${id}`);
    expect(theirs).toHaveLength(10);
  });

  test("that is removed gets nothing more", async () => {
    const account = await newAccount();
    const endpoint = await addEndpoint(account, { url: "https://hooks.example.com/removed" });
    const hooks = receive(() => 500);
    vi.spyOn((env as Env).ALERT_QUEUE, "sendBatch").mockRejectedValue(new Error("down"));
    vi.spyOn(console, "error").mockImplementation(() => {});
    await send("POST", `/api/alert-endpoints/${endpoint.id}/test`, {}, bearer(account.key));
    await send("DELETE", `/api/alert-endpoints/${endpoint.id}`, undefined, bearer(account.key));
    expect(await stateOf(endpoint)).toEqual(["failed"]);
    expect(hooks).toEqual([]);
  });
});

describe("the operator's routes", () => {
  test("are for the operator", async () => {
    for (const path of [
      "/admin/alerts",
      "/admin/alert-endpoints",
      "/admin/alert-settings",
      "/admin/payments",
      "/admin/credit-packs",
    ]) {
      expect([path, (await call(path)).status]).toEqual([path, 401]);
    }
  });

  test("show the alerts of one account", async () => {
    const account = await newAccount({ credits: "1" });
    await objects.freeze(account.id, "looked at");
    await eventually(async () => {
      await cron();
      const page = await (await operator("GET", `/admin/alerts?account=${account.id}`)).json<Page<AlertRow>>();
      expect(page.data).toMatchObject([{ rule: "account_frozen", account: account.id }]);
    });
  });
});
