import * as z from "zod";
import { planDocument } from "../../catalog/plan-document.ts";
import { rateCardDocument } from "../../catalog/rate-card-document.ts";
import { upstreamDocument } from "../../catalog/upstream-document.ts";
import { answer, pageFields, pageOf } from "./answer.ts";
import { count, instant } from "./fields.ts";

/** Stored documents. They are complete: every default is written out. */

const change = answer(
  "DocumentChange",
  z
    .strictObject({
      path: z.string(),
      kind: z.enum(["added", "removed", "changed"]),
      before: z.unknown().optional(),
      after: z.unknown().optional(),
    })
    .describe("One place at which a document differs from the one that is running."),
);

/** What putting a document would come to. */
function previewOf(version: z.ZodType<number | null>) {
  return {
    id: z.string(),
    dry_run: z.literal(true),
    version,
    running_version: z.int().min(1).nullable(),
    changes: z.array(change),
  };
}

const versionNumber = z.int().min(1);

const stored = { id: z.string(), version: z.int().min(1), created_at: instant };

/** A document as it is stored: every default is written out. */
const completePlan = { ...planDocument.shape, same_request_within: z.string().optional() };

export const plan = answer("Plan", z.strictObject({ ...stored, ...completePlan }));
export const planPreview = answer(
  "PlanPreview",
  z.strictObject({ ...previewOf(versionNumber), document: z.strictObject(completePlan) }),
);
export const putPlanAnswer = answer("PlanOrPreview", z.union([plan, planPreview]));
export const plans = pageOf("Plans", plan);

const decimal = z.string();

const rate = answer(
  "Rate",
  z.strictObject({
    ...rateCardDocument.shape.models.valueType.in.shape,
    per_million_tokens: z
      .strictObject({ input: decimal, cached_input: decimal, cache_write: decimal, output: decimal })
      .nullable()
      .describe("Credits for a million tokens."),
    max_output_tokens: count.nullable(),
  }),
);

export const rateCardVersion = answer(
  "RateCardVersion",
  z.strictObject({ ...stored, effective_at: instant, in_force: z.boolean(), models: z.record(z.string(), rate) }),
);
export const rateCardPreview = answer(
  "RateCardPreview",
  z.strictObject({
    ...previewOf(versionNumber),
    document: z.strictObject({ effective_at: z.string().nullable(), models: z.record(z.string(), rate) }),
  }),
);
export const putRateCardAnswer = answer("RateCardOrPreview", z.union([rateCardVersion, rateCardPreview]));
export const rateCards = pageOf("RateCards", rateCardVersion);

const completeUpstream = {
  ...upstreamDocument.shape,
  base_url: z.string().nullable(),
  key_secret: z.string(),
  models: z.record(z.string(), z.string()).nullable().describe("Model id → its name there; `null` takes all."),
};

export const upstream = answer(
  "Upstream",
  z.strictObject({
    id: z.string(),
    created_at: instant,
    updated_at: instant,
    ...completeUpstream,
    key_set: z.boolean().describe("Whether the secret is set. Its value is never told."),
  }),
);
export const upstreamPreview = answer(
  "UpstreamPreview",
  z.strictObject({ ...previewOf(z.null()), document: z.strictObject(completeUpstream) }),
);
export const putUpstreamAnswer = answer("UpstreamOrPreview", z.union([upstream, upstreamPreview]));

export const upstreams = answer(
  "Upstreams",
  z.strictObject({
    ...pageFields(upstream),
    environment: z
      .strictObject({
        id: z.string(),
        base_url: z.string(),
        key_secret: z.string(),
        websocket: z.enum(["pass", "bridge", "refuse"]),
        first_byte_ms: count,
        idle_ms: count,
        key_set: z.boolean(),
      })
      .describe("The upstream of the environment's variables, which a document of its id replaces."),
  }),
);

export const deletedUpstream = answer("DeletedUpstream", z.strictObject({ id: z.string(), deleted: z.literal(true) }));
