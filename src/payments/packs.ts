import { asc, eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { canonicalJson } from "../catalog/document.ts";
import { type Pack, type PackDocument, toPack } from "./pack.ts";
import { creditPacks } from "./schema.ts";

export interface StoredPack {
  readonly pack: Pack;
  readonly document: PackDocument;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** All packs, the smallest price first. There are few. */
export async function listPacks(db: D1Database): Promise<StoredPack[]> {
  const rows = await drizzle(db).select().from(creditPacks).orderBy(asc(creditPacks.id));
  return rows.map(storedPack).sort((a, b) => a.pack.amount - b.pack.amount);
}

export async function readPack(db: D1Database, id: string): Promise<StoredPack | null> {
  const [row] = await drizzle(db).select().from(creditPacks).where(eq(creditPacks.id, id));
  return row ? storedPack(row) : null;
}

/** Stores a pack in place of what was there under its id. What was bought before keeps its own terms. */
export async function putPack(db: D1Database, id: string, document: PackDocument, now: number): Promise<StoredPack> {
  const json = canonicalJson(document);
  const updatedAt = sql`case when credit_packs.document = ${json} then credit_packs.updated_at else ${now} end`;
  const [row] = await drizzle(db)
    .insert(creditPacks)
    .values({ id, document: json, createdAt: now, updatedAt: now })
    .onConflictDoUpdate({ target: creditPacks.id, set: { document: json, updatedAt } })
    .returning();
  if (!row) throw new Error(`credit pack ${id} was not stored`);
  return storedPack(row);
}

function storedPack(row: typeof creditPacks.$inferSelect): StoredPack {
  const document = JSON.parse(row.document) as PackDocument;
  return { pack: toPack(row.id, document), document, createdAt: row.createdAt, updatedAt: row.updatedAt };
}
