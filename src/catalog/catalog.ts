import type { Plan } from "../core/plan.ts";
import type { QuotedRate, Rate } from "../core/rate-card.ts";

/** The rate card that prices every request. */
export const DEFAULT_RATE_CARD = "default";

/** One version of a rate card. Versions are immutable. */
export interface RateCard {
  readonly id: string;
  readonly version: number;
  readonly effectiveAt: number;
  readonly models: Readonly<Record<string, Rate>>;
}

/** A model that can be asked for, with the feature under which it is metered. */
export interface PricedModel {
  readonly model: string;
  readonly feature: string;
}

/** An immutable snapshot of what is offered and what it costs. Decisions read it without any I/O. */
export interface Catalog {
  /** The newest version of a plan. */
  plan(id: string): Plan | null;
  /** The newest version number of every plan, by plan id. */
  planVersions(): Readonly<Record<string, number>>;
  /** The rate of `model` in force at `now`; `null` when the model is not priced. */
  quote(model: string, now: number): QuotedRate | null;
  /** The models priced at `now`, by id. */
  models(now: number): readonly PricedModel[];
}

interface OpenCard {
  readonly effectiveAt: number;
  readonly quotes: ReadonlyMap<string, QuotedRate>;
  readonly models: readonly PricedModel[];
}

/** Folds the newest plans and the rate-card versions that can still matter to a snapshot. */
export function buildCatalog(plans: Iterable<Plan>, cards: Iterable<RateCard>): Catalog {
  const byId = new Map([...plans].map((plan) => [plan.id, plan]));
  const versions = Object.freeze(Object.fromEntries([...byId.values()].map(({ id, version }) => [id, version])));
  const newestFirst = [...cards]
    .filter((card) => card.id === DEFAULT_RATE_CARD)
    .sort((a, b) => b.version - a.version)
    .map(openCard);
  const inForce = (now: number) => newestFirst.find((card) => card.effectiveAt <= now);
  return {
    plan: (id) => byId.get(id) ?? null,
    planVersions: () => versions,
    quote: (model, now) => inForce(now)?.quotes.get(model) ?? null,
    models: (now) => inForce(now)?.models ?? [],
  };
}

function openCard(card: RateCard): OpenCard {
  const rates = Object.entries(card.models);
  return {
    effectiveAt: card.effectiveAt,
    quotes: new Map(
      rates.map(([model, rate]) => [model, { cardId: card.id, cardVersion: card.version, model, rate }] as const),
    ),
    models: rates
      .map(([model, { feature }]) => ({ model, feature }))
      .sort((a, b) => (a.model < b.model ? -1 : a.model > b.model ? 1 : 0)),
  };
}
