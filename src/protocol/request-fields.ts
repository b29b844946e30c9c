import { price, type Rate } from "../core/rate-card.ts";
import { NO_USAGE, type Usage } from "../core/usage.ts";
import type { Json, JsonObject, RequestFault } from "./adapter.ts";
import { fault, invalid, unsupported } from "./fault.ts";
import { isSet } from "./references.ts";
import { toldName } from "./told-text.ts";
import type { Calls } from "./tools.ts";

/** What every text request says about itself. */
export interface CommonFields {
  readonly model: string;
  readonly rate: Rate;
  readonly stream: boolean;
  /** The tier that is asked for and priced; `null` is the default. */
  readonly serviceTier: string | null;
}

/** Reads the members that pricing needs; anything else passes unread. */
export function readCommonFields(
  body: JsonObject,
  rateOf: (model: string) => Rate | null,
): CommonFields | RequestFault {
  const { model, stream } = body;
  if (typeof model !== "string" || model === "") return invalid("model", "the name of a model");
  const rate = rateOf(model);
  if (!rate) return unknownModel(model);
  if (!rate.tokens) return fault("model_not_found", "This model answers no text: it has no price for tokens.", "model");
  if (isSet(stream) && typeof stream !== "boolean") return invalid("stream", "true or false");
  const tier = body.service_tier ?? null;
  if (tier !== null && typeof tier !== "string") return invalid("service_tier", "the name of a service tier");
  const serviceTier = normalTier(tier);
  if (serviceTier !== null && !Object.hasOwn(rate.serviceTiers, serviceTier)) {
    return unsupported("service_tier", "This service tier has no price for this model.");
  }
  return { model, rate, stream: stream === true, serviceTier };
}

/** The caller asked for a model that has no price, and so is not offered. */
export function unknownModel(model: string): RequestFault {
  return fault(
    "model_not_found",
    `The model '${toldName(model)}' is not offered here. GET /v1/models lists those that are.`,
    "model",
  );
}

/** `default` and `auto` are charged as no tier at all. */
export function normalTier(tier: Json | undefined): string | null {
  return typeof tier === "string" && tier !== "default" && tier !== "auto" ? tier : null;
}

/** An upper bound of tokens: a safe positive integer; absent and `null` leave it open. */
export function readTokenBound(body: JsonObject, name: string): number | null | RequestFault {
  const value = body[name] ?? null;
  if (value === null) return null;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1)
    return invalid(name, "a positive whole number");
  return value;
}

/** Refuses members that are set to anything but `null` or `false`. */
export function refuseFields(body: JsonObject, refused: Readonly<Record<string, string>>): RequestFault | null {
  for (const [name, why] of Object.entries(refused)) {
    const value = body[name];
    if (isSet(value) && value !== false) return unsupported(name, why);
  }
  return null;
}

export interface BoundParts {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly calls: Calls;
}

/** The worst case of a request's use, or a fault when a part of it has no price. */
export function boundOf(fields: CommonFields, parts: BoundParts): { readonly bound: Usage } | RequestFault {
  const { tokens } = fields.rate;
  const writesAreDearer = tokens !== null && tokens.cacheWrite > tokens.input;
  const bound: Usage = {
    ...NO_USAGE,
    ...parts,
    // Where writing to the cache costs more than plain input, the worst case is that all input is written.
    cacheWriteTokens: writesAreDearer ? parts.inputTokens : 0,
    serviceTier: fields.serviceTier,
  };
  const charge = price(fields.rate, bound);
  return typeof charge === "number"
    ? { bound }
    : fault("model_not_found", `No price is set for ${charge.unpriced}.`, "model");
}
