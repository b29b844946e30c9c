import type { Catalog, PricedModel } from "../catalog/catalog.ts";
import { isEntitledModel, type Plan } from "../core/plan.ts";
import { type CodexModel, codexModels } from "./codex-models.ts";

/** A model as OpenAI's list shows it. */
interface ModelObject {
  readonly id: string;
  readonly object: "model";
  /** Since when it is sold at its present price; epoch seconds. */
  readonly created: number;
  readonly owned_by: string;
}

interface ModelList {
  readonly object: "list";
  readonly data: readonly ModelObject[];
}

/** The models that are priced now and that `plan` entitles to. */
export function modelList(plan: Plan, catalog: Catalog, now: number): ModelList {
  return toList(offered(plan, catalog, now));
}

/** The same for Codex, which reads `models` and passes over the rest. */
export function codexModelList(
  plan: Plan,
  catalog: Catalog,
  now: number,
): ModelList & { readonly models: readonly CodexModel[] } {
  const models = offered(plan, catalog, now);
  return { ...toList(models), models: codexModels(models) };
}

export function modelObject(plan: Plan, catalog: Catalog, id: string, now: number): ModelObject | null {
  const model = offered(plan, catalog, now).find((priced) => priced.model === id);
  return model ? toObject(model) : null;
}

function offered(plan: Plan, catalog: Catalog, now: number): PricedModel[] {
  return catalog.models(now).filter(({ feature, model }) => isEntitledModel(plan, feature, model));
}

function toList(models: readonly PricedModel[]): ModelList {
  return { object: "list", data: models.map(toObject) };
}

function toObject({ model, feature, pricedAt }: PricedModel): ModelObject {
  return { id: model, object: "model", created: Math.floor(pricedAt / 1_000), owned_by: feature };
}
