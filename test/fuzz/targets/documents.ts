import assert from "node:assert/strict";
import fc from "fast-check";
import type Stripe from "stripe";
import packs from "../../../config/credit-packs.json" with { type: "json" };
import plans from "../../../config/plans.json" with { type: "json" };
import rateCards from "../../../config/rate-cards.json" with { type: "json" };
import { canonicalBaseUrl, publicBaseUrlFault } from "../../../src/catalog/base-url.ts";
import { canonicalJson, describeFaults, type ParsedDocument } from "../../../src/catalog/document.ts";
import { diffDocuments } from "../../../src/catalog/document-diff.ts";
import { readPlanDocument, toPlan } from "../../../src/catalog/plan-document.ts";
import { readRateCardDocument, toRate } from "../../../src/catalog/rate-card-document.ts";
import { readUpstreamDocument, toUpstream } from "../../../src/catalog/upstream-document.ts";
import { formatCredits, parseCredits } from "../../../src/core/amount.ts";
import { readMessage } from "../../../src/ledger/message.ts";
import { openOrder, sealOrder } from "../../../src/payments/order.ts";
import { readPackDocument, toPack } from "../../../src/payments/pack.ts";
import { readPaymentEvent } from "../../../src/payments/payment-event.ts";
import type { Json } from "../../../src/protocol/adapter.ts";
import firstMessage from "../../ledger/fixtures/v1/04-debit-over-several-sources.json" with { type: "json" };
import { json, nearly, nearlyText, text } from "../arbitraries.ts";
import { type FuzzTarget, target } from "../target.ts";

/** Documents as the operator writes them, out of a file of them. */
function documentsOf(file: unknown): Json[] {
  const all = JSON.parse(JSON.stringify(file)) as Record<string, Record<string, Json>> | Record<string, Json>[];
  return Object.values(all).map(({ id: _, ...document }) => document);
}

const UPSTREAMS: Json[] = [
  {
    base_url: "https://upstream.example/v1",
    key_secret: "UPSTREAM_API_KEY",
    auth: "bearer",
    query: { "api-version": "2026-01-01" },
    features: ["codex"],
    models: { "gpt-5.4": "other-name" },
    order: 1,
    weight: 2,
    websocket: "pass",
  },
];

const KEY_SECRET = "key-secret-of-the-fuzzer-of-32-bytes";
const PAYMENT_EVENTS = [
  "checkout.session.completed",
  "checkout.session.async_payment_failed",
  "payment_intent.succeeded",
  "payment_intent.payment_failed",
  "charge.refunded",
  "charge.dispute.closed",
  "refund.failed",
];
/** All that the events about a payment have in common, and what single ones have. */
const PAYMENT: Json = {
  id: "pi_1",
  payment_intent: { id: "pi_1" },
  metadata: sealOrder(
    { accountId: "acct_1", packId: "p", credits: 1_000_000, amount: 100, currency: "eur", topUpId: "top_1" },
    KEY_SECRET,
  ),
  amount: 100,
  amount_received: 100,
  amount_refunded: 50,
  amount_total: 100,
  currency: "eur",
  customer: "cus_1",
  payment_method: { id: "pm_1" },
  setup_future_usage: "off_session",
  payment_status: "paid",
  status: "lost",
  last_payment_error: { code: "card_declined", decline_code: null },
};

/** A document is refused with reasons, or complete: read once more it says the same. */
function documents<T>(
  name: string,
  valid: readonly Json[],
  read: (raw: unknown) => ParsedDocument<T>,
  use: (document: T) => unknown,
): FuzzTarget {
  return target(
    name,
    700,
    [fc.oneof({ weight: 5, arbitrary: nearly(valid) }, { weight: 1, arbitrary: json })],
    (raw) => {
      const parsed = read(raw);
      if (!parsed.ok) {
        assert.ok(parsed.faults.length > 0 && parsed.faults.length <= 25);
        return assert.ok(describeFaults(parsed.faults).length > 5);
      }
      use(parsed.document);
      const again = read(JSON.parse(JSON.stringify(parsed.document)));
      if (!again.ok) assert.fail(`refuses its own document: ${describeFaults(again.faults)}`);
      assert.equal(canonicalJson(again.document), canonicalJson(parsed.document));
    },
  );
}

export const documentTargets: readonly FuzzTarget[] = [
  documents("plans", documentsOf(plans), readPlanDocument, (document) => toPlan("p", 1, document)),
  documents("rate cards", documentsOf(rateCards), readRateCardDocument, ({ models }) =>
    Object.values(models).map(toRate),
  ),
  documents(
    "upstreams",
    UPSTREAMS,
    (raw) => readUpstreamDocument("u", raw),
    (document) => toUpstream("u", document, null),
  ),
  documents("credit packs", documentsOf(packs), readPackDocument, (document) => toPack("p", document)),

  target("differences of documents: none to itself, and never throw", 1_500, [json, json], (before, after) => {
    assert.deepEqual(diffDocuments(before, structuredClone(before)), []);
    diffDocuments(before, after);
  }),

  target("base URLs: https, public and without credentials", 4_000, [fc.oneof(fc.webUrl(), oddUrl(), text)], (url) => {
    if (publicBaseUrlFault(url) !== null) return;
    const { protocol, username, password, hostname, hash } = new URL(canonicalBaseUrl(url));
    assert.deepEqual([username, password, hash], ["", "", ""]);
    // Without TLS only on this machine, and under names that nobody has.
    if (protocol === "http:") return assert.match(hostname, /^(localhost|127\.0\.0\.1|\[::1\])$|\.test$/);
    assert.equal(protocol, "https:");
    assert.doesNotMatch(hostname, /^(localhost\.?|[\d.]+|\[.*)$|\.(local|internal|localhost)\.?$/);
  }),

  target(
    "messages of the ledger's queue: read, or refused for a reason",
    1_500,
    [nearly([asMessage(firstMessage)])],
    (body) => {
      const read = readMessage(body);
      assert.ok(typeof read === "object" && read !== null);
    },
  ),

  target(
    "events of payments: read, or of no concern",
    3_000,
    [fc.constantFrom(...PAYMENT_EVENTS), nearly([PAYMENT])],
    (type, object) => {
      // Only what has an id is an event at all.
      const payment = { ...(typeof object === "object" ? object : {}), id: "pi_1" };
      const told = readPaymentEvent({ id: "evt_1", type, data: { object: payment } } as unknown as Stripe.Event);
      if (told && "metadata" in told) openOrder(told.metadata, KEY_SECRET);
    },
  ),

  target(
    "amounts: round trip, and nothing else is one",
    4_000,
    [fc.nat({ max: Number.MAX_SAFE_INTEGER }), fc.oneof(text, oddAmount())],
    (micro, odd) => {
      assert.equal(parseCredits(formatCredits(micro)), micro);
      const read = parseCredits(odd);
      if (read !== null) assert.ok(Number.isSafeInteger(read));
    },
  ),
];

function asMessage(fixture: unknown): Json {
  return JSON.parse(JSON.stringify(fixture)) as Json;
}

function oddUrl(): fc.Arbitrary<string> {
  const hosts = [
    "localhost",
    "127.1",
    "0x7f.1",
    "2130706433",
    "[::1]",
    "a.internal",
    "169.254.169.254",
    "u:p@a.example",
    "a.example.",
    "①.example",
  ];
  return nearlyText(...hosts.map((host) => `https://${host}/v1`));
}

function oddAmount(): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom("0", "1", "9", ".", "-", "+", "e", "000000", " "), { maxLength: 24 })
    .map((all) => all.join(""));
}
