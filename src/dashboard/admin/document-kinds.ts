import { DEFAULT_RATE_CARD } from "../../catalog/catalog.ts";
import type { ParsedDocument } from "../../catalog/document.ts";
import { findPlan, findRateCard, findUpstream } from "../../catalog/find.ts";
import { readPlanDocument } from "../../catalog/plan-document.ts";
import { readRateCardDocument } from "../../catalog/rate-card-document.ts";
import { readUpstreamDocument } from "../../catalog/upstream-document.ts";
import { BASE } from "./frame.tsx";

/** A kind of document that operators edit. */
export interface DocumentKind {
  readonly name: string;
  readonly plural: string;
  /** The path of its pages. */
  readonly path: string;
  /** The path of its routes below `/admin`. */
  readonly api: string;
  read(id: string, raw: unknown): ParsedDocument<unknown>;
  /** A stored document as it would be sent: the running one where no version is asked for. `null` when there is none. */
  stored(database: D1Database, id: string, version: number | null): Promise<object | null>;
  /** What a new one begins with. */
  readonly example: object;
  /** What it is called where it is tried on stored usage; `null` where that means nothing. */
  readonly backtest: "plan" | "rate_card" | null;
}

export const PLAN_KIND: DocumentKind = {
  name: "plan",
  plural: "Plans",
  path: `${BASE}/plans`,
  api: "/plans",
  read: (_, raw) => readPlanDocument(raw),
  stored: findPlan,
  example: {
    name: "New plan",
    features: { codex: { models: ["*"] } },
    gates: [],
    allowances: [{ id: "included", unit: "credits", windows: [{ kind: "anchored", period: "5h", limit: "10" }] }],
  },
  backtest: "plan",
};

export const RATE_CARD_KIND: DocumentKind = {
  name: "rate card",
  plural: "Prices",
  path: `${BASE}/rate-cards`,
  api: "/rate-cards",
  read: (_, raw) => readRateCardDocument(raw),
  stored: async (database, id, version) => {
    const card = await findRateCard(database, id, version, Date.now());
    return card && { effective_at: null, models: card.models };
  },
  example: {
    effective_at: null,
    models: { "some-model": { feature: "codex", per_million_tokens: { input: "10", output: "40" } } },
  },
  backtest: "rate_card",
};

export const UPSTREAM_KIND: DocumentKind = {
  name: "upstream",
  plural: "Upstreams",
  path: `${BASE}/upstreams`,
  api: "/upstreams",
  read: (id, raw) => readUpstreamDocument(id, raw),
  // An upstream has no versions.
  stored: async (database, id, version) => (version === null ? findUpstream(database, id) : null),
  example: { base_url: "https://api.example.com/v1", key_secret: "UPSTREAM_EXAMPLE_KEY" },
  backtest: null,
};

/** Only the default rate card prices requests. */
export function canBacktest({ backtest }: DocumentKind, id: string): boolean {
  return backtest === "plan" || (backtest === "rate_card" && id === DEFAULT_RATE_CARD);
}
