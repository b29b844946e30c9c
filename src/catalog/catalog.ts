import type { Plan } from "../core/plan.ts";
import type { QuotedRate, Rate } from "../core/rate-card.ts";
import type { CodexDocument } from "./codex-document.ts";
import type { Upstream } from "./upstream.ts";

/** The rate card that prices every request. */
export const DEFAULT_RATE_CARD = "default";

/** One version of a rate card. Versions are immutable. */
export interface RateCard {
  readonly id: string;
  readonly version: number;
  readonly effectiveAt: number;
  readonly models: Readonly<Record<string, Rate>>;
  /** How Codex is to treat the models of which the card says so. */
  readonly codex?: ReadonlyMap<string, CodexDocument>;
}

/** A model that can be asked for. */
export interface PricedModel {
  readonly model: string;
  /** Under which it is metered. */
  readonly feature: string;
  readonly rate: Rate;
  /** Since when its rate is in force. */
  readonly pricedAt: number;
  /** `null` when its card does not say. */
  readonly codex: CodexDocument | null;
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
  /** The upstreams that are enabled. */
  upstreams(): readonly Upstream[];
}

interface OpenCard {
  readonly effectiveAt: number;
  readonly quotes: ReadonlyMap<string, QuotedRate>;
  readonly models: readonly PricedModel[];
}

/** Folds the newest plans, the rate-card versions that can still matter, and the upstreams to a snapshot. */
export function buildCatalog(
  plans: Iterable<Plan>,
  cards: Iterable<RateCard>,
  upstreams: readonly Upstream[] = [],
): Catalog {
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
    upstreams: () => upstreams,
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
      .map(([model, rate]) => toPricedModel(card, model, rate))
      .sort((a, b) => (a.model < b.model ? -1 : a.model > b.model ? 1 : 0)),
  };
}

function toPricedModel({ effectiveAt, codex }: RateCard, model: string, rate: Rate): PricedModel {
  return { model, feature: rate.feature, rate, pricedAt: effectiveAt, codex: codex?.get(model) ?? null };
}
