import { ApiError } from "./errors.ts";
import type { Answer } from "./reply.ts";

/** Model id → when it was published, epoch seconds. */
const MODELS: Readonly<Record<string, number>> = {
  "gpt-6-astra": 1_789_000_000,
  "gpt-6.1-sol": 1_792_500_000,
  "gpt-6-sol": 1_789_000_000,
  "gpt-6-luna": 1_789_000_000,
  "gpt-5.5": 1_777_000_000,
  "gpt-5.4": 1_772_700_000,
  "gpt-5.4-mini": 1_773_700_000,
  "gpt-5.3-codex": 1_770_300_000,
};

/** `GET /v1/models` */
export const listModels: Answer = () => ({ json: { object: "list", data: Object.keys(MODELS).map(modelObject) } });

/** `GET /v1/models/{id}` */
export const readModel: Answer = ({ path }) => {
  const id = path.slice(path.lastIndexOf("/") + 1);
  if (!Object.hasOwn(MODELS, id)) {
    throw new ApiError(404, { message: `The model '${id}' does not exist`, param: "model" });
  }
  return { json: modelObject(id) };
};

function modelObject(id: string): object {
  return { id, object: "model", created: MODELS[id], owned_by: "openai" };
}
