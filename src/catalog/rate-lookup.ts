import { count } from "drizzle-orm";
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

/** The same for work during which prices may change. */
export interface FollowedRates {
  readonly rateOf: RateLookup;
  /** From here on `rateOf` knows every version that there is now. */
  follow(): Promise<void>;
}

/** Knows no rate before it is told to follow. Versions are only ever added, so that their number tells of new ones. */
export function followRates(database: D1Database): FollowedRates {
  let known = 0;
  let lookup: RateLookup = () => null;
  return {
    rateOf: (cardId, cardVersion, model) => lookup(cardId, cardVersion, model),
    async follow() {
      const [versions] = await drizzle(database).select({ count: count() }).from(rateCards);
      if (versions?.count === known) return;
      lookup = await readRateLookup(database);
      known = versions?.count ?? 0;
    },
  };
}
