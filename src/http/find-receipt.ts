import { type Receipt, receiptFromLedger, receiptOf, receiptOfDenial } from "../core/receipt.ts";
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
  // The ledger also knows what was corrected since; the object is ahead of it only until its entry is confirmed.
  const ahead = known?.kind === "request" && known.confirmed !== true;
  if (ahead) return receiptOf(known.reservation, false);
  if (known?.kind === "denial") return receiptOfDenial(known.fold, known.plan);
  const entered = receiptFromLedger(await readRequest(c.env.DB, accountId, requestId));
  if (entered) return entered;
  return known ? receiptOf(known.reservation, true) : null;
}
