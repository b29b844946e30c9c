import { drizzle } from "drizzle-orm/d1";
import type { RateLookup } from "../core/audit.ts";
import { toRate } from "./rate-card-document.ts";
import { rateCards } from "./schema.ts";
import { rateCardDocumentOf } from "./stored.ts";

/** Every version of every rate card, for pricing old usage again. */
export async function readRateLookup(database: D1Database): Promise<RateLookup> {
  const rows = await drizzle(database).select().from(rateCards);
  const cards = new Map(rows.map((row) => [`${row.id}@${row.version}`, rateCardDocumentOf(row).models]));
  return (cardId, cardVersion, model) => {
    const models = cards.get(`${cardId}@${cardVersion}`);
    const rate = models && Object.hasOwn(models, model) ? models[model] : undefined;
    return rate ? toRate(rate) : null;
  };
}
