import { and, desc, eq, lt, or, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { sha256Hex } from "../sha256.ts";
import { decodeText, encodeText, type Page, pageOf } from "./cursor.ts";
import { quarantine } from "./schema.ts";

/** A message, or one entry as a message of its own, that cannot be written. */
export interface Poison {
  readonly accountId: string | null;
  readonly reason: string;
  readonly body: unknown;
}

/** What is in quarantine: the text of a queue message, why it is there and how often it came. */
export type QuarantinedMessage = typeof quarantine.$inferSelect;

/** Bodies are up to a message's 128 KB each, so they are written a few at a time. */
const AT_ONCE = 20;

/**
 * Keeps what cannot be written. The same content is one row, however often it comes; coming again after a redrive, it
 * counts as open again. Throws what D1 throws.
 */
export async function putInQuarantine(db: D1Database, poisons: readonly Poison[], now: number): Promise<void> {
  const orm = drizzle(db);
  const inserts = poisons.map(({ accountId, reason, body }) => {
    const text = textOf(body);
    return orm
      .insert(quarantine)
      .values({ id: quarantineId(text), accountId, reason, body: text, firstSeenAt: now, count: 1, redrivenAt: null })
      .onConflictDoUpdate({
        target: quarantine.id,
        set: { count: sql`${quarantine.count} + 1`, reason: sql`excluded.reason`, redrivenAt: null },
      });
  });
  for (let from = 0; from < inserts.length; from += AT_ONCE) {
    const [first, ...rest] = inserts.slice(from, from + AT_ONCE);
    if (first) await orm.batch([first, ...rest]);
  }
}

function quarantineId(body: string): string {
  return `qua_${sha256Hex(body).slice(0, 32)}`;
}

/** The body as JSON text; of what is not JSON, as much as can be said of it. */
function textOf(body: unknown): string {
  try {
    return JSON.stringify(body) ?? "null";
  } catch {
    return JSON.stringify(Object.prototype.toString.call(body));
  }
}

/** So many characters of bodies are on one page at most, whatever its limit: it is held in memory. */
const PAGE_CHARACTERS = 4_000_000;

/** Quarantined messages, newest first. `null` when `cursor` is not one of ours. Large ones make a page shorter. */
export async function listQuarantine(
  db: D1Database,
  { cursor, limit }: { cursor: string | null; limit: number },
): Promise<Page<QuarantinedMessage> | null> {
  const after = cursor === null ? undefined : parseCursor(cursor);
  if (after === null) return null;
  const orm = drizzle(db);
  const newestFirst = [desc(quarantine.firstSeenAt), desc(quarantine.id)];
  const found = await orm
    .select({
      id: quarantine.id,
      firstSeenAt: quarantine.firstSeenAt,
      characters: sql<number>`length(${quarantine.body})`,
    })
    .from(quarantine)
    .where(
      after &&
        or(
          lt(quarantine.firstSeenAt, after.firstSeenAt),
          and(eq(quarantine.firstSeenAt, after.firstSeenAt), lt(quarantine.id, after.id)),
        ),
    )
    .orderBy(...newestFirst)
    .limit(limit + 1);
  const page = pageOf(found, Math.min(limit, fitting(found)), (row) => encodeText(`${row.firstSeenAt} ${row.id}`));
  const ids = JSON.stringify(page.data.map(({ id }) => id));
  const onPage = sql`${quarantine.id} IN (SELECT value FROM json_each(${ids}))`;
  const rows = await orm
    .select()
    .from(quarantine)
    .where(onPage)
    .orderBy(...newestFirst);
  return { data: rows, nextCursor: page.nextCursor };
}

/** How many of these fit on one page; the first one always does. */
function fitting(messages: readonly { readonly characters: number }[]): number {
  let left = PAGE_CHARACTERS;
  const tooMuch = messages.findIndex(({ characters }, index) => {
    left -= characters;
    return left < 0 && index > 0;
  });
  return tooMuch < 0 ? messages.length : tooMuch;
}

function parseCursor(cursor: string): { firstSeenAt: number; id: string } | null {
  const match = /^(\d{1,15}) (qua_[0-9a-f]+)$/.exec(decodeText(cursor) ?? "");
  const [, firstSeenAt, id] = match ?? [];
  return firstSeenAt === undefined || id === undefined ? null : { firstSeenAt: Number(firstSeenAt), id };
}

export interface RedriveDeps {
  readonly db: D1Database;
  /** Puts a message on the ledger's queue. */
  send(body: unknown): Promise<void>;
  now(): number;
}

/** Sends a quarantined message again, for instance after a release that understands it. Throws when it cannot. */
export async function redrive(deps: RedriveDeps, id: string): Promise<"sent" | "unknown"> {
  const orm = drizzle(deps.db);
  const row = await orm.select().from(quarantine).where(eq(quarantine.id, id)).get();
  if (!row) return "unknown";
  await deps.send(JSON.parse(row.body));
  // If it came back meanwhile, its count has grown, and it stays open.
  await orm
    .update(quarantine)
    .set({ redrivenAt: deps.now() })
    .where(and(eq(quarantine.id, id), eq(quarantine.count, row.count)));
  return "sent";
}
