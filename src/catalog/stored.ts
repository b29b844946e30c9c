import type { Plan } from "../core/plan.ts";
import type { RateCard } from "./catalog.ts";
import { describeFaults, type ParsedDocument } from "./document.ts";
import { type PlanDocument, readPlanDocument, toPlan } from "./plan-document.ts";
import { type RateCardDocument, readRateCardDocument, toRate } from "./rate-card-document.ts";
import type { plans, rateCards, upstreams } from "./schema.ts";
import type { Upstream } from "./upstream.ts";
import { readUpstreamDocument, toUpstream, type UpstreamDocument } from "./upstream-document.ts";

/** Rows back to documents and core values. A row that no longer reads stops the reader: nothing is priced by a guess. */

export function planDocumentOf(row: typeof plans.$inferSelect): PlanDocument {
  return opened(readPlanDocument(JSON.parse(row.document)), `plan ${row.id} version ${row.version}`);
}

export function planOf(row: typeof plans.$inferSelect): Plan {
  return toPlan(row.id, row.version, planDocumentOf(row));
}

export function rateCardDocumentOf(row: typeof rateCards.$inferSelect): RateCardDocument {
  return opened(readRateCardDocument(JSON.parse(row.document)), `rate card ${row.id} version ${row.version}`);
}

export function rateCardOf(row: typeof rateCards.$inferSelect): RateCard {
  const { models } = rateCardDocumentOf(row);
  const rates = Object.entries(models).map(([model, rate]) => [model, toRate(rate)] as const);
  const codex = new Map(Object.entries(models).flatMap(([model, rate]) => (rate.codex ? [[model, rate.codex]] : [])));
  return { id: row.id, version: row.version, effectiveAt: row.effectiveAt, models: Object.fromEntries(rates), codex };
}

export function upstreamDocumentOf(row: typeof upstreams.$inferSelect): UpstreamDocument {
  return opened(readUpstreamDocument(row.id, JSON.parse(row.document)), `upstream ${row.id}`);
}

/** The enabled upstreams of `rows`. The environment's is among them unless a row of its id replaces it. */
export function upstreamsOf(
  rows: readonly (typeof upstreams.$inferSelect)[],
  environment: Upstream | null,
): Upstream[] {
  const stored = rows.map((row) => ({ id: row.id, document: upstreamDocumentOf(row) }));
  const enabled = stored.filter(({ document }) => document.enabled);
  const known = enabled.flatMap(({ id, document }) => toUpstream(id, document, environment) ?? []);
  const replaced = rows.some(({ id }) => id === environment?.id);
  return environment === null || replaced ? known : [environment, ...known];
}

function opened<T>(parsed: ParsedDocument<T>, what: string): T {
  if (parsed.ok) return parsed.document;
  throw new Error(`${what} cannot be read: ${describeFaults(parsed.faults)}`);
}
