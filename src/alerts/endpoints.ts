import { createHmac } from "node:crypto";
import { and, asc, eq, isNull } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { nanoid } from "nanoid";
import type { z } from "zod";
import { instant } from "../wire/time.ts";
import type { newEndpoint } from "./body-schemas.ts";
import { alertEndpoints } from "./schema.ts";

export type Endpoint = typeof alertEndpoints.$inferSelect;

/** After a rotation both secrets sign, so that the receiver can change over without a gap. */
const OVERLAP_MS = 24 * 3_600_000;
export const ENDPOINTS_MOST = 10;
const FIRST_SECRET = 1;

/** The endpoints of an account, or of the operator (`null`). */
export async function listEndpoints(db: D1Database, accountId: string | null): Promise<Endpoint[]> {
  return drizzle(db).select().from(alertEndpoints).where(ownedBy(accountId)).orderBy(asc(alertEndpoints.createdAt));
}

export async function findEndpoint(db: D1Database, accountId: string | null, id: string): Promise<Endpoint | null> {
  const [row] = await drizzle(db)
    .select()
    .from(alertEndpoints)
    .where(and(ownedBy(accountId), eq(alertEndpoints.id, id)));
  return row ?? null;
}

/**
 * Adds an endpoint; `null` when there are as many as may be. They are counted by the statement that adds one, so that
 * however many are asked for at once, no more come about.
 */
export async function addEndpoint(
  db: D1Database,
  accountId: string | null,
  { url, rules }: z.infer<typeof newEndpoint>,
  now: number,
): Promise<Endpoint | null> {
  const id = `whk_${nanoid()}`;
  const added = await db
    .prepare(
      `INSERT INTO alert_endpoints (id, account_id, url, rules, secret_version, created_at)
      SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE (SELECT count(*) FROM alert_endpoints WHERE account_id IS ?2) < ?7
      RETURNING id`,
    )
    .bind(id, accountId, url, rules && JSON.stringify(rules), FIRST_SECRET, now, ENDPOINTS_MOST)
    .first();
  if (!added) return null;
  return {
    id,
    accountId,
    url,
    rules,
    secretVersion: FIRST_SECRET,
    rotatedUntil: null,
    createdAt: now,
    disabledAt: null,
  };
}

export async function removeEndpoint(db: D1Database, id: string): Promise<void> {
  await drizzle(db).delete(alertEndpoints).where(eq(alertEndpoints.id, id));
}

/** Gives an endpoint a new secret, and turns it on again if it was off. */
export async function rotateSecret(db: D1Database, endpoint: Endpoint, now: number): Promise<Endpoint> {
  const changed = { secretVersion: endpoint.secretVersion + 1, rotatedUntil: now + OVERLAP_MS, disabledAt: null };
  await drizzle(db).update(alertEndpoints).set(changed).where(eq(alertEndpoints.id, endpoint.id));
  return { ...endpoint, ...changed };
}

export async function disableEndpoint(db: D1Database, id: string, now: number): Promise<void> {
  await drizzle(db).update(alertEndpoints).set({ disabledAt: now }).where(eq(alertEndpoints.id, id));
}

function ownedBy(accountId: string | null) {
  return accountId === null ? isNull(alertEndpoints.accountId) : eq(alertEndpoints.accountId, accountId);
}

/** The secret of an endpoint, in the form of Standard Webhooks. It is made anew from the gateway's own each time. */
export function secretOf({ id }: Endpoint, version: number, keySecret: string): string {
  const digest = createHmac("sha256", keySecret).update(`spillway webhook secret v1|${id}|${version}`).digest("base64");
  return `whsec_${digest}`;
}

/** The secrets that sign now: the present one, and for a while the one before. */
export function signingSecrets(endpoint: Endpoint, keySecret: string, now: number): string[] {
  const { secretVersion, rotatedUntil } = endpoint;
  const versions = rotatedUntil !== null && now < rotatedUntil ? [secretVersion, secretVersion - 1] : [secretVersion];
  return versions.map((version) => secretOf(endpoint, version, keySecret));
}

export function endpointWire(endpoint: Endpoint) {
  return {
    id: endpoint.id,
    url: endpoint.url,
    rules: endpoint.rules,
    created_at: instant(endpoint.createdAt),
    old_secret_until: instant(endpoint.rotatedUntil),
    disabled_at: instant(endpoint.disabledAt),
  };
}
