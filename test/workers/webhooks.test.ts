import { Webhook } from "standardwebhooks";
import { beforeAll, describe, expect, test } from "vitest";
import {
  accountOf,
  ask,
  endedReceipt,
  eventually,
  gatewayWith,
  newAccount,
  openGateway,
  receiptOf,
  requestIdOf,
  type TestAccount,
  upstream,
} from "../support/gateway.ts";
import type { ErrorBody } from "../support/wire.ts";

const OLD_SECRET = `whsec_${btoa("the secret that is being replaced")}`;
const NEW_SECRET = `whsec_${btoa("the secret that replaces it now")}`;
const gateway = gatewayWith({ SPILLWAY_WEBHOOK_SECRETS: `${NEW_SECRET}, ${OLD_SECRET}` });

/** Costs a tenth of a credit per output token. */
const JOB = { model: "flat-1", input: "x", max_output_tokens: 10, background: true };

let account: TestAccount;
let events = 0;

beforeAll(async () => {
  await openGateway();
  account = await newAccount({ credits: "100" });
});

interface Signing {
  readonly secret?: string;
  readonly at?: number;
  readonly id?: string;
  /** Sent instead of what was signed. */
  readonly sent?: string;
}

async function deliver(type: string, id: string, signing: Signing = {}, to = gateway): Promise<Response> {
  events += 1;
  const { secret = NEW_SECRET, at = Date.now(), id: eventId = `evt_${events}` } = signing;
  const body = JSON.stringify({ object: "event", id: eventId, type, created_at: 0, data: { id } });
  return to("/webhooks/upstream", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": eventId,
      "webhook-timestamp": String(Math.floor(at / 1_000)),
      "webhook-signature": new Webhook(secret).sign(eventId, new Date(at), body),
    },
    body: signing.sent ?? body,
  });
}

/** A background response; upstream ends it after `ms`. */
async function job(ms: number, output = 4): Promise<{ id: string; requestId: string }> {
  const response = await ask(account, JOB, { simulate: `background=${ms};output=${output}` });
  expect(response.status).toBe(200);
  return { id: (await response.json<{ id: string }>()).id, requestId: requestIdOf(response) };
}

async function codeOf(response: Response): Promise<string> {
  return (await response.json<ErrorBody>()).error.code;
}

describe("upstream tells that a job has ended", () => {
  test("and it is settled by what upstream says of it, once, however often it is told", async () => {
    const { id, requestId } = await job(50);
    const told = await eventually(async () => {
      const response = await deliver("response.completed", id, { id: "evt_same" });
      expect(response.status).toBe(200);
      return response.json();
    });
    expect(told).toEqual({ received: true, acted: true });
    expect((await receiptOf(account, requestId)).charge?.amount).toBe("0.400000");
    const after = await accountOf(account);
    const asked = (await upstream()).counters.received;
    // Signed anew, as a provider does with a repetition.
    const again = await deliver("response.completed", id, { id: "evt_same", at: Date.now() + 1_000 });
    expect(await again.json()).toEqual({ received: true, acted: false });
    expect((await upstream()).counters.received).toBe(asked);
    expect(await accountOf(account)).toMatchObject({ credits: after.credits, as_of_seq: after.as_of_seq });
  });

  test("with any of the secrets, while one replaces the other", async () => {
    const { id, requestId } = await job(1);
    await eventually(async () => {
      expect((await deliver("response.completed", id, { secret: OLD_SECRET })).status).toBe(200);
    });
    expect((await endedReceipt(account, requestId)).reservation.state).toBe("settled");
  });

  test("too early: it is asked to tell again, and nothing is settled", async () => {
    const { id, requestId } = await job(60_000);
    await eventually(async () => expect((await deliver("response.completed", id)).status).toBe(503));
    expect((await receiptOf(account, requestId)).reservation.state).toBe("pending");
  });

  test("of somebody else's job, or of something else: it is taken and left alone", async () => {
    for (const [type, id] of [
      ["response.completed", "resp_of_another_project"],
      ["batch.completed", "batch_1"],
    ] as const) {
      const response = await deliver(type, id);
      expect([response.status, await response.json()]).toEqual([200, { received: true, acted: false }]);
    }
  });
});

// bad inputs no. 24 and 26
describe("a webhook that upstream did not send", () => {
  test.each<[string, Signing, number, string]>([
    ["signed by somebody else", { secret: `whsec_${btoa("a secret of somebody else")}` }, 401, "invalid_signature"],
    [
      "another body than was signed",
      { sent: '{"type":"response.completed","data":{"id":"resp_2"}}' },
      401,
      "invalid_signature",
    ],
    ["signed more than five minutes ago", { at: Date.now() - 301_000 }, 400, "stale"],
    ["signed for later", { at: Date.now() + 3_600_000 }, 400, "stale"],
  ])("%s", async (_, signing, status, code) => {
    const response = await deliver("response.completed", "resp_1", signing);
    expect([response.status, await codeOf(response)]).toEqual([status, code]);
  });

  test("without a signature", async () => {
    const response = await gateway("/webhooks/upstream", { method: "POST", body: "{}" });
    expect([response.status, await codeOf(response)]).toEqual([401, "invalid_signature"]);
  });

  test("larger than any webhook", async () => {
    const response = await gateway("/webhooks/upstream", { method: "POST", body: "x".repeat(300_000) });
    expect(response.status).toBe(413);
  });

  test("where no secret is set there is no such route", async () => {
    const response = await deliver("response.completed", "resp_1", {}, gatewayWith({}));
    expect(response.status).toBe(404);
  });
});
