import { and, desc, eq, isNull, lt, or, type SQL } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { decodeText, encodeText, type Page, pageOf } from "../ledger/cursor.ts";
import { instant } from "../wire/time.ts";
import { alerts } from "./schema.ts";

export type StoredAlert = typeof alerts.$inferSelect;

export interface AlertQuery {
  /** `null`: those that concern the operator alone. */
  readonly accountId: string | null;
  readonly limit: number;
  readonly cursor: string | null;
  /** Leaves out what was acknowledged. */
  readonly open: boolean;
}

/** Alerts, newest first; `null` for a cursor that is none of ours. */
export async function listAlerts(db: D1Database, query: AlertQuery): Promise<Page<StoredAlert> | null> {
  const after = query.cursor === null ? undefined : beyond(query.cursor);
  if (after === null) return null;
  const open = query.open ? isNull(alerts.acknowledgedAt) : undefined;
  const rows = await drizzle(db)
    .select()
    .from(alerts)
    .where(and(about(query.accountId), open, after))
    .orderBy(desc(alerts.at), desc(alerts.id))
    .limit(query.limit + 1);
  return pageOf(rows, query.limit, ({ at, id }) => encodeText(`${at}.${id}`));
}

/** Marks alerts as seen, one or (`null`) all; returns how many there were. */
export async function acknowledge(
  db: D1Database,
  accountId: string | null,
  id: string | null,
  now: number,
): Promise<number> {
  const one = id === null ? undefined : eq(alerts.id, id);
  const seen = await drizzle(db)
    .update(alerts)
    .set({ acknowledgedAt: now })
    .where(and(about(accountId), one, isNull(alerts.acknowledgedAt)))
    .returning({ id: alerts.id });
  return seen.length;
}

function about(accountId: string | null): SQL | undefined {
  return accountId === null ? isNull(alerts.accountId) : eq(alerts.accountId, accountId);
}

function beyond(cursor: string): SQL | undefined | null {
  const match = /^(\d{1,15})\.(alt_[0-9a-f]{32})$/.exec(decodeText(cursor) ?? "");
  if (!match) return null;
  const [, text = "", id = ""] = match;
  const at = Number(text);
  return or(lt(alerts.at, at), and(eq(alerts.at, at), lt(alerts.id, id)));
}

export function alertWire(alert: StoredAlert) {
  return {
    id: alert.id,
    account: alert.accountId,
    rule: alert.rule,
    message: alert.message,
    data: alert.data,
    at: instant(alert.at),
    acknowledged_at: instant(alert.acknowledgedAt),
  };
}
