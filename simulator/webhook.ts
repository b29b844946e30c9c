import { Webhook } from "standardwebhooks";
import { epochSeconds, wait } from "./clock.ts";
import { ApiError } from "./errors.ts";
import { newId } from "./ids.ts";
import type { Job } from "./job.ts";
import { MAX_WAIT_MS, type WebhookTerms } from "./scenario.ts";

/** What is to be told about, where to, and signed with what. */
export interface WebhookTarget {
  readonly url: string;
  readonly secret: string;
  readonly twice: boolean;
}

/** The simulator's own variables: where webhooks go unless a request says otherwise. */
export interface WebhookEnv {
  readonly SIMULATE_WEBHOOK_URL?: string;
  readonly SIMULATE_WEBHOOK_SECRET?: string;
}

/** `whsec_` and at least 12 bytes in base64. */
export const WEBHOOK_SECRET = /^whsec_([A-Za-z0-9+/]{4}){4,40}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const LOOK_MS = 25;
/** Timestamps are whole seconds: after this long the next one is another. */
const NEXT_TIMESTAMP_MS = 1_100;
const DELIVERY_MS = 10_000;

/** Where the end of a job is told, or `null`. Half of what is needed is a mistake of the test. */
export function webhookTarget(terms: WebhookTerms, env: WebhookEnv | undefined): WebhookTarget | null {
  const url = terms.url ?? env?.SIMULATE_WEBHOOK_URL;
  if (url === undefined || url === "") return null;
  const secret = terms.secret ?? env?.SIMULATE_WEBHOOK_SECRET ?? "";
  if (WEBHOOK_SECRET.test(secret)) return { url, secret, twice: terms.twice };
  throw new ApiError(400, { message: "A webhook needs a secret of the form 'whsec_…'.", code: "invalid_control" });
}

/** Waits for the end of `job` and tells it. One that does not end within ten minutes is not told. */
export async function tellEnd(job: Job, { url, secret, twice }: WebhookTarget): Promise<void> {
  const { signal } = new AbortController();
  for (const giveUpAt = Date.now() + MAX_WAIT_MS; !job.isOver(); ) {
    if (Date.now() > giveUpAt) return;
    await wait(LOOK_MS, signal);
  }
  const event = { object: "event", id: newId("evt_"), type: job.endEvent(), created_at: epochSeconds(Date.now()) };
  const delivery = { url, secret, id: newId("wh_"), body: JSON.stringify({ ...event, data: { id: job.id } }) };
  await deliver(delivery);
  if (!twice) return;
  await wait(NEXT_TIMESTAMP_MS, signal);
  await deliver(delivery);
}

interface Delivery {
  readonly url: string;
  readonly secret: string;
  /** The same for every delivery of one event. */
  readonly id: string;
  readonly body: string;
}

/** Sends it once. Nobody is there to be told that it failed. */
async function deliver({ url, secret, id, body }: Delivery): Promise<void> {
  const at = new Date();
  const headers = {
    "content-type": "application/json",
    "user-agent": "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)",
    "webhook-id": id,
    "webhook-timestamp": String(epochSeconds(at.getTime())),
    "webhook-signature": new Webhook(secret).sign(id, at, body),
  };
  try {
    const signal = AbortSignal.timeout(DELIVERY_MS);
    const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
    await response.body?.cancel();
  } catch {
    // The receiver's journal shows what arrived.
  }
}
