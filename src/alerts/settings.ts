import { eq, inArray } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { z } from "zod";
import { canonicalJson } from "../catalog/document.ts";
import { alertSettingsDocument } from "./body-schemas.ts";
import { alertSettings, alertWatches } from "./schema.ts";

export type AlertSettings = z.infer<typeof alertSettingsDocument>;

/** Where the operator's own settings stand, which count for every account without any. */
const OPERATOR = "operator";

const USUAL: AlertSettings = alertSettingsDocument.parse({});

export interface SettingsInForce {
  readonly settings: AlertSettings;
  readonly from: "account" | "operator" | "usual";
}

/** @param accountId `null` for the operator's, which count for whoever has none */
export async function readSettings(db: D1Database, accountId: string | null): Promise<SettingsInForce> {
  const scopes = accountId === null ? [OPERATOR] : [scopeOf(accountId), OPERATOR];
  const rows = await drizzle(db).select().from(alertSettings).where(inArray(alertSettings.scope, scopes));
  const own = rows.find(({ scope }) => scope !== OPERATOR);
  const row = own ?? rows[0];
  if (!row) return { settings: USUAL, from: "usual" };
  return { settings: storedSettings(row.document), from: own ? "account" : "operator" };
}

/** @param accountId `null` for the operator's */
export async function saveSettings(
  db: D1Database,
  accountId: string | null,
  settings: AlertSettings,
  now: number,
): Promise<void> {
  const row = { document: canonicalJson(settings), updatedAt: now };
  await drizzle(db)
    .insert(alertSettings)
    .values({ scope: accountId === null ? OPERATOR : scopeOf(accountId), ...row })
    .onConflictDoUpdate({ target: alertSettings.scope, set: row });
  await lookAnew(db, accountId, now);
}

/** Goes back to what the operator says. */
export async function dropSettings(db: D1Database, accountId: string, now: number): Promise<void> {
  await drizzle(db)
    .delete(alertSettings)
    .where(eq(alertSettings.scope, scopeOf(accountId)));
  await lookAnew(db, accountId, now);
}

/** Has those looked at whom new settings concern. */
async function lookAnew(db: D1Database, accountId: string | null, now: number): Promise<void> {
  const concerned = accountId === null ? undefined : eq(alertWatches.accountId, accountId);
  await drizzle(db).update(alertWatches).set({ dueAt: now }).where(concerned);
}

/** An account may be called like anything. */
function scopeOf(accountId: string): string {
  return `account:${accountId}`;
}

/** A document of an older release lacks what came since. */
function storedSettings(document: string): AlertSettings {
  const parsed = alertSettingsDocument.safeParse(JSON.parse(document));
  return parsed.success ? parsed.data : USUAL;
}
