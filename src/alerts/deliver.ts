import { Webhook } from "standardwebhooks";
import { rootOf } from "../ledger/failure.ts";
import { instant } from "../wire/time.ts";
import { claimDelivery, type DueDelivery, endDelivery, postpone } from "./deliveries.ts";
import { disableEndpoint, signingSecrets } from "./endpoints.ts";
import type { AlertMessage } from "./messages.ts";

export interface DeliverDeps {
  readonly db: D1Database;
  readonly keySecret: string;
  now(): number;
}

const TIMEOUT_MS = 10_000;
/** Pauses after the first attempt and those that follow: about a day and a half, as Standard Webhooks suggest. */
const PAUSES_S = [5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 12 * 3_600] as const;

/** What becomes of a queue message: `retry` after so many seconds, or nothing more. */
export type Delivered = { readonly kind: "done" } | { readonly kind: "retry"; readonly delaySeconds: number };

const DONE: Delivered = { kind: "done" };

/** Sends an alert to an endpoint. Once the receiver has accepted it, it is not sent again. */
async function deliver(deps: DeliverDeps, { deliveryId }: AlertMessage): Promise<Delivered> {
  const { db, now } = deps;
  const due = await claimDelivery(db, deliveryId, now());
  if (!due) return DONE;
  if (due.endpoint.disabledAt !== null) {
    await endDelivery(db, due.id, "failed", "endpoint disabled", now());
    return DONE;
  }
  const outcome = await post(deps, due);
  if (/^2\d\d$/.test(outcome)) {
    await endDelivery(db, due.id, "delivered", outcome, now());
    return DONE;
  }
  // The receiver says that it does not want any more.
  if (outcome === "410") await disableEndpoint(db, due.endpoint.id, now());
  const pause = outcome === "410" ? undefined : PAUSES_S[due.attempts - 1];
  if (pause === undefined) {
    await endDelivery(db, due.id, "failed", outcome, now());
    return DONE;
  }
  await postpone(db, due.id, outcome, now() + pause * 1_000);
  return { kind: "retry", delaySeconds: pause };
}

/** The status of the answer, or why there was none. */
async function post({ keySecret, now }: DeliverDeps, { alert, endpoint }: DueDelivery): Promise<string> {
  const at = new Date(now());
  const body = JSON.stringify(payloadOf(alert));
  const signatures = signingSecrets(endpoint, keySecret, at.getTime()).map((secret) =>
    new Webhook(secret).sign(alert.id, at, body),
  );
  try {
    const answer = await fetch(endpoint.url, {
      method: "POST",
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        "content-type": "application/json",
        "user-agent": "Spillway-Webhooks",
        // The same for every attempt, so that a receiver can tell a repetition.
        "webhook-id": alert.id,
        "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
        "webhook-signature": signatures.join(" "),
      },
      body,
    });
    await answer.body?.cancel();
    return String(answer.status);
  } catch (error) {
    return `no answer: ${error instanceof Error ? error.name : "error"}`;
  }
}

function payloadOf({ id, accountId, rule, message, data, at }: DueDelivery["alert"]) {
  return { type: `alert.${rule}`, timestamp: instant(at), data: { id, account: accountId, message, ...data } };
}

/** Delivers what a batch of messages asks for. Never throws. */
export async function consumeDeliveries(batch: MessageBatch<AlertMessage>, deps: DeliverDeps): Promise<void> {
  await Promise.all(
    batch.messages.map(async (message) => {
      try {
        const delivered = await deliver(deps, message.body);
        if (delivered.kind === "done") message.ack();
        else message.retry({ delaySeconds: delivered.delaySeconds });
      } catch (error) {
        console.error(JSON.stringify({ event: "alert_delivery_failed", message: String(rootOf(error)).slice(0, 300) }));
        message.retry({ delaySeconds: PAUSES_S[0] });
      }
    }),
  );
}
