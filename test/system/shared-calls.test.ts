import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { AdminClient } from "../../scripts/admin-client.ts";
import { seedCatalog } from "../../scripts/catalog-seed.ts";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";
import { type Customer, makeCustomer, micro, readOwn, readReceipt, until } from "./customer.ts";

const ADMIN_TOKEN = "operator-of-this-test";
const BODY = JSON.stringify({ model: "gpt-5.4-mini", input: "Hello", max_output_tokens: 100, store: false });
const AT_ONCE = 150;
const ACCOUNTS = 30;
/** Far more than it takes, and far less than waiting for each other would. */
const SOON_MS = 8_000;

let gateway: LocalGateway;
let admin: AdminClient;
let customer: Customer;

beforeAll(async () => {
  const vars = { SPILLWAY_ADMIN_TOKEN: ADMIN_TOKEN, SPILLWAY_KEY_SECRET: "key-secret-of-this-test" };
  gateway = await startLocalGateway({ port: 0, vars, withSimulator: true });
  admin = new AdminClient(gateway.url, ADMIN_TOKEN);
  await seedCatalog(admin);
  await admin.plans.put("open", { name: "Open", features: { codex: { models: ["*"] } } });
  customer = await makeCustomer(admin, { plan: "open", credits: "100" });
});

afterAll(() => gateway.dispose());

interface Answered {
  readonly status: number;
  readonly requestId: string;
  readonly tookMs: number;
}

/** Sends one request; with `leavesAfterMs` its client is gone (by a reset) after that, and there is no answer. */
function send(leavesAfterMs?: number, { key } = customer): Promise<Answered | null> {
  const begun = performance.now();
  const { promise, resolve } = Promise.withResolvers<Answered | null>();
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const call = request(`${gateway.url}/v1/responses`, { method: "POST", headers, agent: false }, (response) => {
    response.resume();
    response.on("error", () => resolve(null));
    response.on("end", () => {
      const requestId = String(response.headers["x-request-id"]);
      resolve({ status: response.statusCode ?? 0, requestId, tookMs: performance.now() - begun });
    });
  });
  call.on("error", () => resolve(null));
  call.end(BODY);
  if (leavesAfterMs !== undefined) {
    setTimeout(() => {
      call.socket?.resetAndDestroy();
      resolve(null);
    }, leavesAfterMs);
  }
  return promise;
}

interface Account {
  readonly credits: { readonly used: string; readonly reserved: string };
}

/** The account when nothing of it is under way any more. */
function atRest(): Promise<Account> {
  return until("the end of all requests", 60_000, async () => {
    const account = (await readOwn(gateway.url, customer, "/api/account")) as Account;
    return micro(account.credits.reserved) === 0 ? account : null;
  });
}

async function chargeOf({ requestId }: Answered): Promise<number> {
  const receipt = (await readOwn(gateway.url, customer, `/api/requests/${requestId}`)) as {
    readonly charge: { readonly amount: string } | null;
  };
  return micro(receipt.charge?.amount ?? "0");
}

it("requests of one account at once are each answered and charged once", async () => {
  const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => send()));
  const answered = answers.filter((answer) => answer !== null);
  expect(answered.map(({ status }) => status)).toEqual(Array(AT_ONCE).fill(200));
  const { credits } = await atRest();
  const charges = await Promise.all(answered.map(chargeOf));
  expect(charges.every((charge) => charge > 0)).toBe(true);
  expect(charges.reduce((total, charge) => total + charge, 0)).toBe(micro(credits.used));
});

// A machine that stalls fails a claim about time once; it is asked again then.
it("clients that hang up in the middle of a shared call hold nobody else up", { retry: 3 }, async () => {
  const leaving = Array.from({ length: AT_ONCE }, (_, index) => send(2 + (index % 60)));
  const staying = Array.from({ length: AT_ONCE }, () => send());
  const answered = (await Promise.all(staying)).filter((answer) => answer !== null);
  await Promise.all(leaving);
  expect(answered.map(({ status }) => status)).toEqual(Array(AT_ONCE).fill(200));
  expect(Math.max(...answered.map(({ tookMs }) => tookMs))).toBeLessThan(SOON_MS);
  await atRest();
});

it("requests of many accounts share messages, and the ledger has each within five seconds", { retry: 3 }, async () => {
  const options = { plan: "open", credits: "1" };
  const customers = await Promise.all(Array.from({ length: ACCOUNTS }, () => makeCustomer(admin, options)));
  const before = await flushed();
  await Promise.all(
    customers.map(async (one, index) => {
      // Every third client has gone before its request has ended, with whatever it was to flush.
      if (index % 3 === 0) await send(20, one);
      const answered = await send(undefined, one);
      if (!answered) throw new Error("a client that waited got no answer");
      await until(`${answered.requestId} in the ledger`, 5_000, async () => {
        const receipt = await readReceipt(gateway.url, one, answered.requestId);
        return receipt?.ledger?.confirmed ? receipt : null;
      });
    }),
  );
  const after = await flushed();
  expect(after.entries - before.entries).toBeGreaterThanOrEqual(ACCOUNTS);
  expect(after.messages - before.messages).toBeLessThanOrEqual(ACCOUNTS / 3);
});

/** Answers that upstream does not keep, each over its own wire. */
const UNKEPT = {
  "a plain answer": ["/v1/responses", { model: "gpt-5.4-mini", input: "Hello", store: false, max_output_tokens: 16 }],
  "a stream": [
    "/v1/responses",
    { model: "gpt-5.4-mini", input: "Hello", store: false, stream: true, max_output_tokens: 16 },
  ],
  "a chat completion": ["/v1/chat/completions", { model: "gpt-5.4-mini", messages: [{ role: "user", content: "Hi" }] }],
} as const;

/** Asks over a connection that is kept alive, so that nothing but the answer lies between two requests. */
async function ask(kind: keyof typeof UNKEPT, { key }: Customer): Promise<Response> {
  const [path, body] = UNKEPT[kind];
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const response = await fetch(gateway.url + path, { method: "POST", headers, body: JSON.stringify(body) });
  await response.text();
  return response;
}

it.each(Object.keys(UNKEPT) as (keyof typeof UNKEPT)[])(
  "whoever looks right after %s finds it settled",
  async (kind) => {
    for (let time = 0; time < 20; time += 1) {
      const requestId = (await ask(kind, customer)).headers.get("x-request-id") ?? "";
      const receipt = await readReceipt(gateway.url, customer, requestId);
      expect(receipt?.reservation.state).toBe("settled");
      expect(receipt?.charge).not.toBeNull();
    }
  },
);

it("whoever looks finds it settled, however much the account is asked for at once", async () => {
  const looks = Array.from({ length: 600 }, async (_, index) => {
    await sleep(index);
    const requestId = (await ask("a plain answer", customer)).headers.get("x-request-id") ?? "";
    const receipt = await readReceipt(gateway.url, customer, requestId);
    return receipt?.reservation.state;
  });
  expect(new Set(await Promise.all(looks))).toEqual(new Set(["settled"]));
  const account = (await readOwn(gateway.url, customer, "/api/account")) as Account;
  expect(micro(account.credits.reserved)).toBe(0);
});

it.each(Object.keys(UNKEPT) as (keyof typeof UNKEPT)[])(
  "%s never stands in the way of the next request",
  async (kind) => {
    const gate = { id: "one", unit: "concurrency", limit: 1 } as const;
    const features = { codex: { models: ["*"] } };
    await admin.plans.put("one-at-a-time", { name: "One at a time", features, gates: [gate] });
    const alone = await makeCustomer(admin, { plan: "one-at-a-time", credits: "60" });
    const statuses: number[] = [];
    for (let time = 0; time < 20; time += 1) statuses.push((await ask(kind, alone)).status);
    expect(statuses).toEqual(Array(20).fill(200));
  },
);

/** What the gateway has put on the ledger's queue for all accounts. */
async function flushed() {
  const { flushed } = await admin.accounts.work(customer.id);
  if (!flushed) throw new Error("the gateway does not tell what it has flushed");
  return flushed;
}
