import { count, isNull, max } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { earliest } from "../core/window.ts";
import { latestReconciliation, type Reconciliation } from "./reconciliations.ts";
import { balances, quarantine } from "./schema.ts";
import { readSweep } from "./sweep.ts";

/** How the ledger is doing. */
export interface LedgerHealth {
  /** Instant (epoch ms) of the newest entry of any account; `null` when there is none. */
  readonly newestUpdateAt: number | null;
  /** Since when (epoch ms) the oldest entry waits that should have arrived by now; `null` when none is late. */
  readonly lateSince: number | null;
  /** Quarantined messages that nobody has sent again. */
  readonly quarantined: number;
  readonly lastReconciliation: Reconciliation | null;
}

/** Reads the ledger's health. Throws when D1 cannot be reached. */
export async function ledgerHealth(db: D1Database): Promise<LedgerHealth> {
  const orm = drizzle(db);
  const [newest] = await orm.select({ at: max(balances.updatedAt) }).from(balances);
  const [open] = await orm.select({ count: count() }).from(quarantine).where(isNull(quarantine.redrivenAt));
  const sweep = await readSweep(db);
  return {
    newestUpdateAt: newest?.at ?? null,
    lateSince: earliest(sweep.lateSince, sweep.lastLateSince),
    quarantined: open?.count ?? 0,
    lastReconciliation: await latestReconciliation(db),
  };
}
