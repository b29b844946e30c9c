import { price, type Rate } from "../../src/core/rate-card.ts";
import type { Usage } from "../../src/core/usage.ts";

export function attemptKey(accountId: string, requestId: string, attempt: number): string {
  return `${accountId} ${requestId}.${attempt}`;
}

export function priceOf(rate: Rate, usage: Usage): number {
  const priced = price(rate, usage);
  if (typeof priced !== "number") throw new Error("the simulation uses only what has a price");
  return priced;
}
