import { setTimeout as sleep } from "node:timers/promises";
import type { AdminClient } from "../../scripts/admin-client.ts";

/** An account of a running gateway, with a key. */
export interface Customer {
  readonly id: string;
  readonly key: string;
}

export interface CustomerOptions {
  readonly plan: string;
  /** Credits of one paid grant; without them the account has none. */
  readonly credits?: string;
}

/** What the tests look at in `GET /api/requests/{request_id}`. */
export interface Receipt {
  readonly request_id: string;
  readonly model: string;
  readonly decision: { readonly rate_card: { readonly id: string; readonly version: number } };
  readonly reservation: { readonly state: string; readonly estimated: string };
  readonly usage: {
    readonly input_tokens: number;
    readonly cached_input_tokens: number;
    readonly output_tokens: number;
    readonly reasoning_tokens: number;
    readonly outcome: string;
    readonly estimated: boolean;
  } | null;
  readonly charge: { readonly amount: string; readonly overshoot: string } | null;
  readonly ledger: { readonly seq: number; readonly confirmed: boolean } | null;
}

/** Makes an account, its key and, if asked, its credits. */
export async function makeCustomer(admin: AdminClient, { plan, credits }: CustomerOptions): Promise<Customer> {
  const { id } = await admin.accounts.create({ plan });
  const { key } = await admin.accounts.createKey(id);
  if (credits !== undefined) {
    const terms = { amount: credits, kind: "paid", reason: "Credits of the test" } as const;
    await admin.accounts.grant(id, terms, { idempotencyKey: "credits" });
  }
  return { id, key };
}

/** The answer of a self-service route, or `null` where it is 404. */
export async function readOwn(origin: string, customer: Customer, path: string): Promise<unknown> {
  const response = await fetch(origin + path, { headers: { authorization: `Bearer ${customer.key}` } });
  if (response.status === 404) {
    await response.body?.cancel();
    return null;
  }
  if (!response.ok) throw new Error(`GET ${path} was answered with ${response.status}: ${await response.text()}`);
  return response.json();
}

export async function readReceipt(origin: string, customer: Customer, requestId: string): Promise<Receipt | null> {
  return (await readOwn(origin, customer, `/api/requests/${requestId}`)) as Receipt | null;
}

/** Waits until the request has ended, and gives its receipt. Fails after `patienceMs`. */
export async function endedReceipt(
  origin: string,
  customer: Customer,
  requestId: string,
  patienceMs = 30_000,
): Promise<Receipt> {
  return until(`the end of ${requestId}`, patienceMs, async () => {
    const receipt = await readReceipt(origin, customer, requestId);
    return receipt !== null && receipt.reservation.state !== "pending" ? receipt : null;
  });
}

/** Asks again and again until there is an answer. */
export async function until<Answer>(
  what: string,
  patienceMs: number,
  ask: () => Promise<Answer | null>,
  pauseMs = 50,
): Promise<Answer> {
  const giveUpAt = Date.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (Date.now() >= giveUpAt) throw new Error(`Waited ${patienceMs} ms in vain for ${what}`);
    await sleep(pauseMs);
  }
}

/** Credits on the wire as whole micro-credits. */
export function micro(credits: string): number {
  const match = /^(-?)(\d+)\.(\d{6})$/.exec(credits);
  if (!match) throw new Error(`"${credits}" is not an amount with six decimals`);
  const [, sign, whole, part] = match;
  return (sign === "-" ? -1 : 1) * (Number(whole) * 1_000_000 + Number(part));
}
