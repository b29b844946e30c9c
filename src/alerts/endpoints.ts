import { createHmac } from "node:crypto";
import { and, asc, count, eq, isNull } from "drizzle-orm";
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

/** Adds an endpoint; `null` when there are as many as may be. */
export async function addEndpoint(
  db: D1Database,
  accountId: string | null,
  asked: z.infer<typeof newEndpoint>,
  now: number,
): Promise<Endpoint | null> {
  const [row] = await drizzle(db).select({ there: count() }).from(alertEndpoints).where(ownedBy(accountId));
  if ((row?.there ?? 0) >= ENDPOINTS_MOST) return null;
  const endpoint: Endpoint = {
    id: `whk_${nanoid()}`,
    accountId,
    url: asked.url,
    rules: asked.rules,
    secretVersion: 1,
    rotatedUntil: null,
    createdAt: now,
    disabledAt: null,
  };
  await drizzle(db).insert(alertEndpoints).values(endpoint);
  return endpoint;
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
