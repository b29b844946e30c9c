import type { Catalog, PricedModel } from "../catalog/catalog.ts";
import { isEntitledModel, type Plan } from "../core/plan.ts";

/** A model as OpenAI's list shows it. */
interface ModelObject {
  readonly id: string;
  readonly object: "model";
  readonly created: number;
  readonly owned_by: string;
}

/** The models that are priced now and that `plan` entitles to. */
export function modelList(plan: Plan, catalog: Catalog, now: number): { object: "list"; data: ModelObject[] } {
  const data = catalog
    .models(now)
    .filter((model) => isOffered(plan, model))
    .map(toObject);
  return { object: "list", data };
}

export function modelObject(plan: Plan, catalog: Catalog, id: string, now: number): ModelObject | null {
  const model = catalog.models(now).find((priced) => priced.model === id);
  return model && isOffered(plan, model) ? toObject(model) : null;
}

function isOffered(plan: Plan, { feature, model }: PricedModel): boolean {
  return isEntitledModel(plan, feature, model);
}

function toObject({ model, feature }: PricedModel): ModelObject {
  return { id: model, object: "model", created: 0, owned_by: feature };
}
