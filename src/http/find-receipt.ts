import type { ReceiptReply } from "../../durable-objects/commands.ts";
import { readRate } from "../catalog/read.ts";
import type { ChainedEntry } from "../core/event.ts";
import type { Rate } from "../core/rate-card.ts";
import { type Receipt, receiptOf, receiptOfDenial } from "../core/receipt.ts";
import { receiptFromLedger } from "../core/receipt-from-ledger.ts";
import { partsOf } from "../core/refund.ts";
import { isRequestId } from "../core/request-id.ts";
import { readRequest } from "../ledger/entry-rows.ts";
import type { HttpContext } from "./context.ts";

/**
 * The receipt of a request of an account; `null` when there is none. Another account's request, and one that never was,
 * look the same.
 */
export async function findReceipt(c: HttpContext, accountId: string, requestId: string): Promise<Receipt | null> {
  if (!isRequestId(requestId)) return null;
  const known = await c.var.services.accounts.receipt(accountId, requestId);
  return receiptBy(known, () => readRequest(c.env.DB, accountId, requestId));
}

/** The rate at which a receipt's request was priced; `null` where none was. One that is in force no more is in D1. */
export async function rateOf(c: HttpContext, { rateCard, model, at }: Receipt): Promise<Rate | null> {
  if (rateCard === null) return null;
  const catalog = await c.var.services.catalog.get((work) => c.executionCtx.waitUntil(work));
  const quoted = catalog.quote(model, at);
  if (quoted?.cardId === rateCard.id && quoted.cardVersion === rateCard.version) return quoted.rate;
  return readRate(c.env.DB, rateCard.id, rateCard.version, model);
}

/** The receipt by what the object knows of the request, and the ledger's entries of it, which are read after that. */
export async function receiptBy(
  known: ReceiptReply | null,
  readLedger: () => Promise<ChainedEntry[]>,
): Promise<Receipt | null> {
  if (known?.kind === "denial") return receiptOfDenial(known.fold, known.plan);
  if (known?.kind === "request" && isAhead(known)) return receiptOf(known.reservation, false);
  const entered = receiptFromLedger(isWhole(known) ? [] : await readLedger(), known?.unread);
  if (entered) return entered;
  return known?.kind === "request" ? receiptOf(known.reservation, true) : null;
}

/** Whether the object alone knows the request: it is under way, or an older object does not hand its entries on. */
function isAhead({ confirmed, unread }: ReceiptReply & { readonly kind: "request" }): boolean {
  return confirmed === null || (confirmed === false && unread === undefined);
}

/** Whether the object has handed on all entries of the request, so that the ledger need not be asked. */
function isWhole(known: ReceiptReply | null): boolean {
  if (known?.kind !== "request") return false;
  const unread = new Set(known.unread?.map(({ seq }) => seq));
  return partsOf(known.reservation).every(({ seq }) => unread.has(seq));
}
