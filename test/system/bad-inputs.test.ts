import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AdminClient } from "../../scripts/admin-client.ts";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";
import { CARD, CREDITS_PLAN } from "../support/offer.ts";
import { BAD_INPUTS, brokenOff, type World } from "./bad-input-rows.ts";
import { type Customer, makeCustomer, readOwn, until } from "./customer.ts";
import { type RawAnswer, sendAndLeave, sendRaw } from "./raw-http.ts";

const VARS = {
  SPILLWAY_ADMIN_TOKEN: "operator-of-the-bad-inputs-test",
  SPILLWAY_KEY_SECRET: "key-secret-of-the-bad-inputs-test",
  SPILLWAY_WEBHOOK_SECRETS: `whsec_${btoa("webhook-secret-of-the-bad-inputs-test")}`,
  STRIPE_SECRET_KEY: "sk_test_bad_inputs",
  STRIPE_WEBHOOK_SECRETS: "whsec_bad_inputs",
};

let gateway: LocalGateway;
let customer: Customer;
let world: World;
let trap: Server;
let trapped = 0;

beforeAll(async () => {
  trap = createServer((_, response) => {
    trapped += 1;
    response.end();
  });
  await new Promise<void>((resolve) => trap.listen(0, "127.0.0.1", resolve));
  const address = trap.address();
  gateway = await startLocalGateway({ port: 0, vars: VARS, withSimulator: true, log: "none" });
  const admin = new AdminClient(gateway.url, VARS.SPILLWAY_ADMIN_TOKEN);
  await admin.request("PUT", "/admin/rate-cards/default", { body: CARD });
  await admin.request("PUT", "/admin/plans/credits", { body: CREDITS_PLAN });
  customer = await makeCustomer(admin, { plan: "credits", credits: "1000" });
  const revoked = await admin.accounts.createKey(customer.id);
  await admin.accounts.revokeKey(customer.id, revoked.id);
  world = {
    accountId: customer.id,
    key: customer.key,
    revokedKey: revoked.key,
    adminToken: VARS.SPILLWAY_ADMIN_TOKEN,
    trapUrl: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/v1/responses`,
  };
});

afterAll(async () => {
  await gateway?.dispose();
  trap?.close();
});

interface Balance {
  readonly credits: { readonly available: string; readonly reserved: string; readonly used: string };
  readonly as_of_seq: number;
}

async function balance(): Promise<Balance> {
  const { credits, as_of_seq } = (await readOwn(gateway.url, customer, "/api/account")) as Balance;
  return { credits, as_of_seq };
}

async function upstreamCalls(): Promise<number> {
  const response = await fetch(`${gateway.simulatorUrl}/simulator/requests`);
  return ((await response.json()) as { counters: { received: number } }).counters.received;
}

/** The error of an answer in the shape of the surface that was asked, with the id by which it can be asked about. */
function errorOf(answer: RawAnswer): unknown {
  const { error } = JSON.parse(answer.body) as { error: Record<string, unknown> };
  expect(answer.headers.get("content-type")).toContain("application/json");
  expect(error.request_id).toBe(answer.headers.get("x-request-id"));
  expect(String(error.message).length).toBeGreaterThan(10);
  // However much was sent, a line comes back.
  expect(answer.body.length).toBeLessThan(2_000);
  // OpenAI's errors have a type and a parameter, our own have not.
  const isOpenAI = "type" in error && "param" in error;
  if (!isOpenAI) expect(Object.keys(error).sort()).toEqual(["code", "message", "request_id"]);
  return { code: error.code, isOpenAI };
}

/** No answer tells what was sent in confidence. */
function expectNoSecret(answer: RawAnswer): void {
  const shown = [...answer.headers].flat().join("\n") + answer.body + answer.rest;
  // Nor a part of a key, where it was sent as something else.
  const inPart = [customer.key, world.revokedKey].map((key) => key.slice(0, "sk-spill-".length + 12));
  for (const secret of [...Object.values(VARS), ...inPart, "sk-simulated-upstream"]) {
    expect(shown).not.toContain(secret);
  }
}

describe("a bad input is refused in the words of its protocol, at no cost", () => {
  test.each(BAD_INPUTS.map((input) => [input.name, input] as const))("%s", async (_, input) => {
    const [before, callsBefore] = [await balance(), await upstreamCalls()];
    const bytes = input.bytes(world);
    const answer = await sendRaw(gateway.port, bytes);
    expect(answer?.status ?? null, answer?.body).toBe(input.status);
    if (answer) {
      expect(answer.rest, "one request, one answer").toBe("");
      expectNoSecret(answer);
      const isOpenAI = /^\w+ \/v1(\/| |\?)/.test(Buffer.from(bytes.subarray(0, 64)).toString("latin1"));
      if (input.code !== null) expect(errorOf(answer)).toEqual({ code: input.code, isOpenAI });
    }
    const after = await balance();
    expect(after.credits).toEqual(before.credits);
    if (input.reachesUpstream) return;
    expect(after.as_of_seq).toBe(before.as_of_seq);
    expect(await upstreamCalls()).toBe(callsBefore);
  });

  test("has led the operator's key nowhere else", () => {
    expect(trapped).toBe(0);
  });

  test("has left the gateway working", async () => {
    const headers = { authorization: `Bearer ${customer.key}`, "content-type": "application/json" };
    // 12: a byte order mark is no fault.
    const body = '\ufeff{"model":"flat-1","input":"x","max_output_tokens":10}';
    const response = await fetch(`${gateway.url}/v1/responses`, { method: "POST", headers, body });
    expect(response.status).toBe(200);
    expect((await balance()).credits.used).toBe("1.000000");
  });
});

// bad input no. 34
describe("a request that breaks off", () => {
  test("reserves nothing and asks nobody, wherever it breaks", async () => {
    const [before, callsBefore] = [await balance(), await upstreamCalls()];
    for (const [, bytes] of brokenOff(world)) await sendAndLeave(gateway.port, bytes, AbortSignal.timeout(50));
    expect(await balance()).toEqual(before);
    expect(await upstreamCalls()).toBe(callsBefore);
  });

  test("holds up nobody else: a hundred that never end, and one that is answered at once", async () => {
    const before = await balance();
    const slow = Array.from({ length: 17 }, () => brokenOff(world)).flat();
    const leave = new AbortController();
    const left = slow.map(([, bytes]) => sendAndLeave(gateway.port, bytes, leave.signal));
    await new Promise((resolve) => setTimeout(resolve, 200));
    const began = Date.now();
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
    expect(await balance()).toEqual(before);
    // The gateway itself waits half a minute for a body.
    expect(Date.now() - began).toBeLessThan(20_000);
    leave.abort();
    await Promise.all(left);
  });
});

describe("a body is never taken for the next request", () => {
  test("also when it looks like one, on a connection that stays open", async () => {
    const inner = `GET /api/account HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${customer.key}\r\n\r\n`;
    const first = `POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
    const next = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const bytes = Buffer.from(`${first}Content-Length: ${inner.length}\r\n\r\n${inner}${next}`);
    const answer = await sendRaw(gateway.port, bytes);
    expect(answer?.status).toBe(401);
    expect(answer?.rest ?? "").not.toContain(customer.id);
  });
});

describe("what a caller writes never becomes a header of the answer", () => {
  test("or a place elsewhere to which a person who signs in is led", async () => {
    for (const next of [
      "/dashboard\r\nX-Evil: 1",
      "//evil.example",
      "/\\evil.example",
      "https://evil.example",
      "javascript:1",
    ]) {
      const body = new URLSearchParams({ key: customer.key, next });
      const form = { method: "POST", headers: { origin: gateway.url }, body, redirect: "manual" } as const;
      const response = await fetch(`${gateway.url}/dashboard/sign-in`, form);
      expect(response.status).toBe(303);
      expect(response.headers.get("location")).toMatch(/^\/dashboard(\/[\w-]*)*$/);
      expect(response.headers.has("x-evil")).toBe(false);
    }
  });
});

test("nothing of all this is left in the ledger", async () => {
  const pending = await until("no reservation", 30_000, async () => {
    const { credits } = await balance();
    return credits.reserved === "0.000000" ? credits : null;
  });
  expect(pending).toMatchObject({ available: "999.000000", used: "1.000000" });
});
