import type { z } from "zod";
import { millionths, milliseconds } from "../../catalog/fields.ts";
import { formatCredits } from "../../core/amount.ts";
import { instant, periodText } from "../../wire/time.ts";
import type { autoTopUpDocument } from "../body-schemas.ts";
import type { autoTopUps } from "../schema.ts";

export type AutoTopUpDocument = z.infer<typeof autoTopUpDocument>;
export type AutoTopUp = typeof autoTopUps.$inferSelect;

/** New settings make a clean start: failures are forgotten. */
export function toAutoTopUp(accountId: string, document: AutoTopUpDocument, now: number): AutoTopUp {
  return {
    accountId,
    enabled: document.enabled,
    threshold: millionths(document.threshold),
    packId: document.pack,
    monthlyCap: document.monthly_cap,
    cooldownMs: milliseconds(document.cooldown),
    failures: 0,
    suspendedWhy: null,
    notBefore: 0,
    notBeforeWhy: null,
    updatedAt: now,
  };
}

/** @param currency of the pack, in which the most per month is counted; `null` where the pack is not known */
export function autoTopUpWire(settings: AutoTopUp, currency: string | null, now: number) {
  const waits = settings.notBefore > now;
  return {
    enabled: settings.enabled,
    threshold: formatCredits(settings.threshold),
    pack: settings.packId,
    monthly_cap: settings.monthlyCap,
    currency,
    cooldown: periodText(settings.cooldownMs),
    failures: settings.failures,
    suspended: settings.suspendedWhy,
    waits_until: waits ? instant(settings.notBefore) : null,
    waits_because: waits ? settings.notBeforeWhy : null,
    updated_at: instant(settings.updatedAt),
  };
}
