import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  ADMIN_TOKEN,
  ask,
  bearer,
  type call,
  eventually,
  gatewayWith,
  newAccount,
  openGateway,
  type TestAccount,
} from "../support/gateway.ts";
import type { ErrorBody } from "../support/wire.ts";

let account: TestAccount;

beforeAll(async () => {
  await openGateway();
  account = await newAccount({ credits: "1000" });
});

/** An isolate of its own for every test, which has seen nobody fail yet. */
let isolate: typeof call;

beforeEach(() => {
  isolate = gatewayWith({});
});
afterEach(() => vi.useRealTimers());

const MOST = 10;
const MINUTE = 60_000;

let addresses = 0;

function newAddress(): string {
  addresses += 1;
  return `198.51.100.${addresses}`;
}

function from(address: string | null): Record<string, string> {
  return address === null ? {} : { "cf-connecting-ip": address };
}

function asOperator(token: string, address: string | null, gateway = isolate): Promise<Response> {
  return gateway("/admin/plans", { headers: { ...bearer(token), ...from(address) } });
}

function signIn(path: string, fields: Record<string, string>, address: string, gateway = isolate): Promise<Response> {
  return gateway(path, {
    method: "POST",
    headers: { origin: "https://gateway.test", ...from(address) },
    body: new URLSearchParams(fields),
    redirect: "manual",
  });
}

async function statuses(count: number, attempt: () => Promise<Response>): Promise<number[]> {
  const seen: number[] = [];
  for (let at = 0; at < count; at += 1) seen.push((await attempt()).status);
  return seen;
}

const refusals = (count: number) => Array<number>(count).fill(401);

describe("the operator's token", () => {
  test("can be guessed ten times; then nothing is told any more, not even that it was right", async () => {
    const address = newAddress();
    expect(await statuses(MOST, () => asOperator("wrong", address))).toEqual(refusals(MOST));
    const refused = await asOperator("wrong", address);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    const { error } = await refused.json<ErrorBody>();
    expect(error.code).toBe("too_many_attempts");
    expect((await asOperator(ADMIN_TOKEN, address)).status).toBe(429);
  });

  test("opens again after a quarter of an hour", async () => {
    const address = newAddress();
    await statuses(MOST, () => asOperator("wrong", address));
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 15 * MINUTE + 1_000 });
    expect((await asOperator(ADMIN_TOKEN, address)).status).toBe(200);
  });

  test("opens for everybody at other addresses meanwhile", async () => {
    const address = newAddress();
    await statuses(MOST + 1, () => asOperator("wrong", address));
    expect((await asOperator(ADMIN_TOKEN, newAddress())).status).toBe(200);
  });

  test("is not guessed by asking without one", async () => {
    const address = newAddress();
    const silent = () => isolate("/admin/plans", { headers: from(address) });
    expect(await statuses(MOST + 5, silent)).toEqual(refusals(MOST + 5));
    expect((await asOperator(ADMIN_TOKEN, address)).status).toBe(200);
  });

  test("still opens where nobody's address is known, on one's own machine", async () => {
    expect((await statuses(101, () => asOperator("wrong", null))).at(-1)).toBe(429);
    expect((await asOperator(ADMIN_TOKEN, null)).status).toBe(200);
  });

  test("is guessed no oftener by whoever has a whole IPv6 network", async () => {
    const within = (at: number) => `2001:db8:7:${addresses}::${at.toString(16)}`;
    const seen = await Promise.all(Array.from({ length: MOST }, (_, at) => asOperator("wrong", within(at))));
    expect(seen.map(({ status }) => status)).toEqual(refusals(MOST));
    expect((await asOperator(ADMIN_TOKEN, within(MOST))).status).toBe(429);
    expect((await asOperator(ADMIN_TOKEN, "2001:db8:8::1")).status).toBe(200);
  });

  test("is guessed no oftener by spreading over isolates: the location counts as well", async () => {
    const address = newAddress();
    const attempt = async () => {
      const fresh = gatewayWith({});
      await asOperator("wrong", address, fresh);
      return fresh;
    };
    // The location counts by the minute of the clock: one that turns over meanwhile forgives what came before it.
    await eventually(async () => {
      for (let count = 0; count < 20; count += 1) await attempt();
      const fresh = await attempt();
      // What the location says is heard a moment after it was asked.
      await eventually(async () => expect((await asOperator(ADMIN_TOKEN, address, fresh)).status).toBe(429), 5_000);
    });
  });
});

describe.each([
  ["an API key", "/dashboard/sign-in", () => ({ key: "sk-spill-wrong" }), () => ({ key: account.key })],
  [
    "the operator's token",
    "/dashboard/admin/sign-in",
    () => ({ token: "wrong", name: "Ada" }),
    () => ({ token: ADMIN_TOKEN, name: "Ada" }),
  ],
])("signing in to a page with %s", (_, path, wrong, right) => {
  test("fails ten times from an address; then it waits, also with the right one", async () => {
    const address = newAddress();
    expect(await statuses(MOST, () => signIn(path, wrong(), address))).toEqual(refusals(MOST));
    for (const fields of [wrong(), right()]) {
      const refused = await signIn(path, fields, address);
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(refused.headers.has("set-cookie")).toBe(false);
      expect(await refused.text()).toContain("Too many failed attempts");
    }
    expect((await signIn(path, right(), newAddress())).status).toBe(303);
  });
});

test("whoever guesses at keys does not lock the operator out, who may share the address", async () => {
  const address = newAddress();
  await statuses(MOST + 1, () => signIn("/dashboard/sign-in", { key: "x" }, address));
  expect((await asOperator(ADMIN_TOKEN, address)).status).toBe(200);
});

test("wrong keys under /v1 and /api hinder no good one from the same address", async () => {
  const address = newAddress();
  const wrong = (path: string) => isolate(path, { headers: { ...bearer("sk-spill-wrong"), ...from(address) } });
  expect(await statuses(40, () => wrong("/v1/models"))).toEqual(refusals(40));
  expect(await statuses(40, () => wrong("/api/account"))).toEqual(refusals(40));
  const body = { model: "flat-1", input: "x", max_output_tokens: 10 };
  expect((await ask(account, body, { gateway: isolate, headers: from(address) })).status).toBe(200);
});
