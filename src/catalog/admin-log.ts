import { and, desc, eq, lt } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { type PageRequest, toPage } from "./list.ts";
import { adminLog } from "./schema.ts";

/** What an operator did, as it is kept for ever. */
export interface AdminLogEntry {
  /** `adm_…`; ids sort by time. */
  readonly id: string;
  /** Epoch ms. */
  readonly at: number;
  /** Who did it, by the name that the operator gave. */
  readonly actor: string;
  /** Subject and verb, such as `grant.void`. */
  readonly action: string;
  readonly accountId: string | null;
  /** What it was done to within the account or the catalog: a grant, a key, a plan. */
  readonly target: string | null;
  readonly reason: string | null;
  readonly before: unknown;
  readonly after: unknown;
  readonly requestId: string;
}

/** What is told of before and after is cut to so many characters of JSON: a log is read by people. */
const STATE_CHARACTERS = 4_000;

export async function addToAdminLog(database: D1Database, entry: AdminLogEntry): Promise<void> {
  const row = { ...entry, before: stateText(entry.before), after: stateText(entry.after) };
  await drizzle(database).insert(adminLog).values(row);
}

function stateText(state: unknown): string | null {
  if (state === null || state === undefined) return null;
  const text = JSON.stringify(state);
  return text.length <= STATE_CHARACTERS ? text : JSON.stringify({ omitted: `${text.length} characters` });
}

const PLAN_TOLD = `SELECT "after" ->> '$.plan' AS plan FROM admin_log
  WHERE account_id = ?1 AND action LIKE 'account.%' AND "after" ->> '$.plan' IS NOT NULL ORDER BY id DESC LIMIT 1`;

/** The plan that an account was on after what operators did to it last; `null` where the log does not say. */
export function planToldOf(database: D1Database, accountId: string): Promise<string | null> {
  return database.prepare(PLAN_TOLD).bind(accountId).first<string>("plan");
}

/** How the cursors of the log look: the id of the entry at which a page ended. */
export const ADMIN_LOG_CURSOR = /^adm_[0-9a-f]{32}$/;

export interface AdminLogQuery extends PageRequest {
  readonly account: string | null;
}

/** What operators did, newest first; of one account, where `account` says so. */
export async function listAdminLog(database: D1Database, { account, cursor, limit }: AdminLogQuery) {
  const rows = await drizzle(database)
    .select()
    .from(adminLog)
    .where(
      and(
        account === null ? undefined : eq(adminLog.accountId, account),
        cursor === null ? undefined : lt(adminLog.id, cursor),
      ),
    )
    .orderBy(desc(adminLog.id))
    .limit(limit + 1);
  return toPage(rows, limit, adminLogWire, ({ id }) => id);
}

function adminLogWire(row: typeof adminLog.$inferSelect) {
  return {
    id: row.id,
    at: new Date(row.at).toISOString(),
    actor: row.actor,
    action: row.action,
    account: row.accountId,
    target: row.target,
    reason: row.reason,
    before: stateOf(row.before),
    after: stateOf(row.after),
    request_id: row.requestId,
  };
}

function stateOf(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}

export type AdminLogWire = ReturnType<typeof adminLogWire>;
