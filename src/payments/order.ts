import { createHmac, timingSafeEqual } from "node:crypto";
import { formatCredits, type MicroCredits, parseCredits } from "../core/amount.ts";

/** What is bought for whom at which price. It travels with its payment, so that nothing has to be looked up. */
export interface Order {
  readonly accountId: string;
  readonly packId: string;
  readonly credits: MicroCredits;
  /** In the smallest unit of `currency`. */
  readonly amount: number;
  readonly currency: string;
  /** The automatic purchase that it is; `null` when a person bought. */
  readonly topUpId: string | null;
}

type Metadata = Readonly<Record<string, string>>;

const SEAL = "spillway_seal";
const LABEL = "spillway order v1";

/** An order as the metadata of a payment. The seal tells it from one that somebody else with access to Stripe wrote. */
export function sealOrder(order: Order, secret: string): Record<string, string> {
  const terms: Record<string, string> = {
    spillway_account: order.accountId,
    spillway_pack: order.packId,
    spillway_credits: formatCredits(order.credits),
    spillway_amount: String(order.amount),
    spillway_currency: order.currency,
    ...(order.topUpId === null ? {} : { spillway_top_up: order.topUpId }),
  };
  return { ...terms, [SEAL]: sealOf(terms, secret) };
}

/** Whether a payment says that it is for credits of a gateway. Others share the operator's Stripe account. */
export function isOrder(metadata: Metadata | null | undefined): metadata is Metadata {
  return typeof metadata?.[SEAL] === "string";
}

/** The order of a payment; `null` when this gateway did not write it as it stands. */
export function openOrder(metadata: Metadata, secret: string): Order | null {
  const { [SEAL]: seal = "", ...others } = metadata;
  const terms = Object.fromEntries(Object.entries(others).filter(([name]) => name.startsWith("spillway_")));
  if (!isSame(seal, sealOf(terms, secret))) return null;
  const credits = parseCredits(terms.spillway_credits ?? "");
  const amount = Number(terms.spillway_amount);
  if (credits === null || !Number.isSafeInteger(amount)) return null;
  return {
    accountId: terms.spillway_account ?? "",
    packId: terms.spillway_pack ?? "",
    credits,
    amount,
    currency: terms.spillway_currency ?? "",
    topUpId: terms.spillway_top_up ?? null,
  };
}

function sealOf(terms: Metadata, secret: string): string {
  const text = JSON.stringify(Object.entries(terms).sort(([a], [b]) => (a < b ? -1 : 1)));
  return createHmac("sha256", secret).update(`${LABEL}|${text}`).digest("hex");
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [given, expected].map((text) => new TextEncoder().encode(text));
  return a !== undefined && b !== undefined && a.length === b.length && timingSafeEqual(a, b);
}
