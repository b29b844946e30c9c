import { createExecutionContext, runDurableObjectAlarm } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { expect } from "vitest";
import type { AccountObject } from "../../durable-objects/account-object.ts";
import type { Env } from "../../src/env.ts";
import worker from "../../src/worker.ts";
import { migrateD1 } from "./d1.ts";
import { CARD, CREDITS_PLAN, type PlanInput } from "./offer.ts";
import { watched } from "./watched-response.ts";
import type { AccountBody, Journal, Receipt } from "./wire.ts";

/** The gateway under test, seen from outside: its routes, its operator and the simulated upstream behind it. */
const HOST = "https://gateway.test";
export const ADMIN_TOKEN = "test-admin-token";
/**
 * The operator's key for the upstream, as vitest.config.ts sets it. It must appear nowhere. Its end, which is looked for by
 * itself, can be no part of a random id: those are hexadecimal.
 */
export const CANARY = "sk-canary-upstream-5f0c1dvQxZ";

export const RESPONSES = "/v1/responses";
export const CHAT = "/v1/chat/completions";

export interface TestAccount {
  readonly id: string;
  readonly key: string;
}

/** Makes the tables, the rate card and the plan `credits`. */
export async function openGateway(): Promise<void> {
  await migrateD1();
  await asOperator("PUT", "/admin/rate-cards/default", CARD);
  await putPlan("credits", CREDITS_PLAN);
}

export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const request = new Request(HOST + path, { redirect: "manual", ...init });
  return watched(request.method, path, await exports.default.fetch(request));
}

/** The same gateway with other variables, for instance shorter timeouts. */
export function gatewayWith(variables: Partial<Env> & Readonly<Record<`UPSTREAM_${string}`, string>>): typeof call {
  const changed = { ...(env as Env), ...variables };
  return async (path, init = {}) => {
    const request = new Request(HOST + path, init);
    const response = worker.fetch(request as Parameters<typeof worker.fetch>[0], changed, createExecutionContext());
    return watched(request.method, path, await response);
  };
}

export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

export function send(method: string, path: string, body: unknown, headers: Record<string, string> = {}) {
  const init: RequestInit = { method, headers: { "content-type": "application/json", ...headers } };
  return call(path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
}

/** An admin request as it is answered, whatever the answer. */
export function operator(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return send(method, path, body, { ...bearer(ADMIN_TOKEN), ...headers });
}

/** An admin request that must succeed. */
export async function asOperator<T>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const response = await operator(method, path, body, headers);
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json<T>();
}

export function putPlan(id: string, plan: PlanInput): Promise<{ version: number }> {
  return asOperator("PUT", `/admin/plans/${id}`, plan);
}

let accounts = 0;

/** A new account with a key and, where asked for, one paid grant. */
export async function newAccount(options: { plan?: string; credits?: string } = {}): Promise<TestAccount> {
  accounts += 1;
  const id = `acct_test${accounts}`;
  await asOperator("POST", "/admin/accounts", { id, plan: options.plan ?? "credits" });
  const { key } = await newKey(id);
  const account = { id, key };
  if (options.credits !== undefined) await grant(account, options.credits);
  return account;
}

export function newKey(accountId: string, terms: object = {}): Promise<{ id: string; key: string }> {
  return asOperator("POST", `/admin/accounts/${accountId}/keys`, terms);
}

let grants = 0;

export function grant({ id }: { id: string }, amount: string, terms: object = {}): Promise<{ id: string }> {
  grants += 1;
  const body = { amount, kind: "paid", reason: "test", ...terms };
  return asOperator("POST", `/admin/accounts/${id}/grants`, body, { "idempotency-key": `grant-${grants}` });
}

export interface AskOptions {
  readonly route?: string;
  /** Controls of the simulated upstream (simulator/README.md). */
  readonly simulate?: string;
  readonly headers?: Record<string, string>;
  readonly gateway?: typeof call;
  readonly signal?: AbortSignal;
}

/** A client's request with the account's key. */
export function ask(account: TestAccount, body: object, options: AskOptions = {}): Promise<Response> {
  const { route = RESPONSES, simulate, headers = {}, gateway = call, signal = null } = options;
  const controls = simulate === undefined ? {} : { "x-simulate": simulate };
  return gateway(route, {
    method: "POST",
    headers: { ...bearer(account.key), "content-type": "application/json", ...controls, ...headers },
    body: JSON.stringify(body),
    signal,
  });
}

export function look<T>(account: TestAccount, path: string): Promise<T> {
  return call(path, { headers: bearer(account.key) }).then((response) => response.json<T>());
}

export function accountOf(account: TestAccount): Promise<AccountBody> {
  return look<AccountBody>(account, "/api/account");
}

export function requestIdOf(response: Response): string {
  return response.headers.get("x-request-id") ?? "";
}

export function receiptOf(account: TestAccount, requestId: string): Promise<Receipt> {
  return look<Receipt>(account, `/api/requests/${requestId}`);
}

/** The receipt of a request once it has ended: a stream is settled just after its last byte. */
export function endedReceipt(account: TestAccount, requestId: string): Promise<Receipt> {
  return eventually(async () => {
    const receipt = await receiptOf(account, requestId);
    expect(receipt.reservation.state).not.toBe("pending");
    return receipt;
  });
}

/** The receipt once the ledger has confirmed it. The alarm that sends its entry is rung at once. */
export async function confirmedReceipt(account: TestAccount, requestId: string): Promise<Receipt> {
  await endedReceipt(account, requestId);
  await runDurableObjectAlarm(stubOf(account));
  return eventually(async () => {
    const receipt = await receiptOf(account, requestId);
    expect(receipt.ledger?.confirmed).toBe(true);
    return receipt;
  });
}

/** Repeats `attempt` until it does not throw, for at most `withinMs`. */
export async function eventually<T>(attempt: () => Promise<T>, withinMs = 30_000): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > until) throw error;
      await scheduler.wait(25);
    }
  }
}

export function stubOf(account: { id: string }): DurableObjectStub<AccountObject> {
  return (env as Env).ACCOUNTS.getByName(account.id);
}

/** What the simulated upstream has seen since the last {@link forgetUpstream}. */
export async function upstream(): Promise<Journal> {
  const response = await fetch("http://upstream.test/simulator/requests");
  return response.json<Journal>();
}

export async function forgetUpstream(): Promise<void> {
  await fetch("http://upstream.test/simulator/requests", { method: "DELETE" });
}

/** Fails when `attempt` made the gateway call the upstream. */
export async function withoutUpstreamCall<T>(attempt: () => Promise<T>): Promise<T> {
  const before = (await upstream()).counters.received;
  const result = await attempt();
  expect((await upstream()).counters.received).toBe(before);
  return result;
}
