import { expect } from "vitest";
import { micro, type Receipt } from "../../system/customer.ts";
import type { Cell } from "./cell.ts";
import { RATES } from "./offer.ts";

/** Micro-credits of what was used, at the prices of this suite. */
function priceOf({ usage }: Receipt): number {
  if (usage === null) return 0;
  const uncached = usage.input_tokens - usage.cached_input_tokens;
  return uncached * RATES.input + usage.cached_input_tokens * RATES.cached + usage.output_tokens * RATES.output;
}

/**
 * Every receipt charges its usage, exactly, and together they are what the account was charged. A warm-up that no upstream
 * was asked for is released.
 */
export async function expectExactCharges(cell: Cell): Promise<Receipt[]> {
  const receipts = await cell.receipts();
  for (const receipt of receipts) {
    const state = priceOf(receipt) > 0 ? "settled" : "released";
    expect(receipt).toMatchObject({ reservation: { state }, usage: { estimated: false } });
    expect(micro(receipt.charge?.amount ?? "")).toBe(priceOf(receipt));
  }
  expect(await cell.charged()).toBe(receipts.reduce((sum, receipt) => sum + priceOf(receipt), 0));
  return receipts;
}

/** Those of answers. Codex warms a WebSocket up with a request that generates nothing, which has a receipt as well. */
export function answersIn(receipts: readonly Receipt[]): Receipt[] {
  return receipts.filter(({ usage }) => usage !== null && usage.output_tokens > 0);
}
