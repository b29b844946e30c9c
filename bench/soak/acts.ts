import { randomUUID } from "node:crypto";
import { Spillway } from "../../client/spillway.ts";
import type { Act } from "./book.ts";
import { micro } from "./prices.ts";
import type { Place } from "./requests.ts";
import type { Customer } from "./service.ts";
import { oneOf } from "./stories.ts";

/** Late enough that the request has surely been settled. */
const REFUND_AFTER_MS = 3_000;

/** A grant, ordered twice under one key. */
export async function grant(place: Place, { id }: Customer): Promise<void> {
  const idempotencyKey = randomUUID();
  const order = () =>
    place.service.admin.accounts.grant(
      id,
      { amount: "1.25", kind: "promotional", reason: "A grant of the soak" },
      { idempotencyKey },
    );
  const act: Act = {
    kind: "grant",
    account: id,
    idempotencyKey,
    amount: null,
    repeat: async () => micro((await order()).amount),
  };
  await tell(place, act, async () => {
    const [first, second] = [await order(), await order()];
    if (first.id !== second.id) place.book.trouble(Date.now(), `grant: ${first.id} and ${second.id} under one key`);
    return micro(first.amount);
  });
}

const refunded = new Set<string>();

/** The refund of an answer some seconds ago, of an account whose credits paid it. */
export async function refund(place: Place): Promise<void> {
  const { book, service } = place;
  const paid = new Set(service.customers.flatMap(({ id, plan }) => (plan === "soak-paid" ? [id] : [])));
  const before = Date.now() - REFUND_AFTER_MS;
  const candidates = book.entries
    .slice(-500)
    .filter(
      ({ kind, account, ending, endedAt, requestId }) =>
        kind === "json" &&
        paid.has(account) &&
        ending === "answered" &&
        endedAt < before &&
        !refunded.has(requestId ?? ""),
    );
  if (candidates.length === 0) return;
  const { account, requestId } = oneOf(candidates);
  if (requestId === null) return;
  refunded.add(requestId);
  const idempotencyKey = randomUUID();
  const repeat = async () => {
    const order = { request_id: requestId, reason: "A refund of the soak" };
    return micro((await service.admin.accounts.refund(account, order, { idempotencyKey })).amount);
  };
  await tell(place, { kind: "refund", account, idempotencyKey, amount: null, repeat }, repeat);
}

/** Replaces a key, and revokes the one before it: an account may only have so many. */
export async function rollKey({ book, service }: Place, customer: Customer): Promise<void> {
  const from = Date.now();
  const holder = new Spillway({ baseUrl: service.gateway.url, token: customer.key });
  try {
    const { id, key } = await holder.rollKey(customer.keyId, { overlap_hours: 1 });
    const { oldKeyId } = customer;
    Object.assign(customer, { keyId: id, key, oldKeyId: customer.keyId });
    if (oldKeyId !== null) await holder.revokeKey(oldKeyId);
    book.rolledKeys += 1;
  } catch (error) {
    book.trouble(from, `key roll: ${String(error)}`);
  }
}

async function tell({ book }: Place, act: Act, order: () => Promise<number>): Promise<void> {
  const from = Date.now();
  book.acts.push(act);
  try {
    act.amount = await order();
  } catch (error) {
    book.trouble(from, `${act.kind}: ${String(error)}`);
  }
}
