import * as z from "zod";
import { canonicalBaseUrl, publicBaseUrlFault } from "./base-url.ts";
import { type ParsedDocument, readDocument } from "./document.ts";
import { fields, modelId, name, oneOf, wholeNumber } from "./fields.ts";
import { DEFAULT_UPSTREAM, type Upstream, USUAL_PATIENCE } from "./upstream.ts";

const MAX_QUERY = 20;
const MAX_FEATURES = 50;
const MAX_MODELS = 500;
const MAX_ORDER = 1_000;
const MAX_WEIGHT = 1_000;
const ENVIRONMENT_KEY = "UPSTREAM_API_KEY";
const HOUR_MS = 3_600_000;
/** Variables that describe the environment's upstream and hold no key. */
const NO_KEYS = ["BASE_URL", "EXTRA_HEADERS", "FIRST_BYTE_MS", "IDLE_MS", "WEBSOCKET"];

const baseUrl = z
  .string({ error: "must be the address of an OpenAI-shaped API, such as https://api.openai.com/v1" })
  .superRefine((text, context) => {
    const message = publicBaseUrlFault(text);
    if (message !== null) context.addIssue({ code: "custom", message });
  })
  .transform(canonicalBaseUrl);

const keySecretRule = "must be the name of a secret that begins with UPSTREAM_, such as UPSTREAM_AZURE_KEY";
const secretName = z
  .string({ error: keySecretRule })
  .regex(/^UPSTREAM_[A-Z0-9_]{1,55}$/, { error: keySecretRule })
  .refine((secret) => !NO_KEYS.includes(secret.slice("UPSTREAM_".length)), {
    error: "is a variable of the gateway's own and holds no key",
  });

const parameterRule = "must be a query parameter's name of 1 to 64 letters, digits, dots, hyphens or underscores";
const query = z
  .record(
    z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, { error: parameterRule }),
    z.string({ error: "must be a text" }).max(200, { error: "must have at most 200 characters" }),
    { error: "must be an object of query parameter → text" },
  )
  .refine((parameters) => Object.keys(parameters).length <= MAX_QUERY, {
    error: `must hold at most ${MAX_QUERY} parameters`,
  });

const nameThereRule = "must be the model's name at the upstream: 1 to 128 letters, digits, or . _ : @ / -";
const nameThere = z.string({ error: nameThereRule }).regex(/^[A-Za-z0-9@][A-Za-z0-9._:@/-]{0,127}$/, {
  error: nameThereRule,
});

/** A list means that the models have the same names there. */
const models = z.preprocess(
  (raw) => (Array.isArray(raw) ? sameNames(raw) : raw),
  z
    .record(modelId, nameThere, {
      error: "must be an object of model id → name there, a list of models, or null for all",
    })
    .refine((names) => Object.keys(names).length > 0, {
      error: "must name at least one model; leave it out to take all",
    })
    .refine((names) => Object.keys(names).length <= MAX_MODELS, { error: `must name at most ${MAX_MODELS} models` })
    .nullable(),
);

/** A list as the object that it stands for. What is no text is named by its place and refused there. */
function sameNames(models: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(models.map((model, at) => [typeof model === "object" ? `${at}` : String(model), model]));
}

const milliseconds = (most: number) => wholeNumber(1, most).nullable().default(null);

/**
 * An upstream on the wire (`PUT /admin/upstreams/{id}`). What it yields is complete, but for `null`, which takes what the
 * environment says or else is usual.
 */
export const upstreamDocument = fields({
  base_url: baseUrl.nullable().default(null),
  key_secret: secretName.nullable().default(null),
  auth: oneOf(["bearer", "api-key"]).default("bearer"),
  query: query.default({}),
  features: z
    .array(name, { error: "must be a list of features, or null for all" })
    .min(1, { error: "must name at least one feature; leave it out to take all" })
    .max(MAX_FEATURES, { error: `must name at most ${MAX_FEATURES} features` })
    .nullable()
    .default(null),
  models: models.default(null),
  order: wholeNumber(0, MAX_ORDER).default(100),
  weight: wholeNumber(0, MAX_WEIGHT).default(1),
  websocket: oneOf(["pass", "bridge", "refuse"]).default("bridge"),
  video_extensions: oneOf(["added", "total"]).default("added"),
  connect_ms: milliseconds(HOUR_MS),
  first_byte_ms: milliseconds(HOUR_MS),
  idle_ms: milliseconds(HOUR_MS),
  total_ms: milliseconds(6 * HOUR_MS),
  enabled: z.boolean({ error: "must be true or false" }).default(true),
});

export type UpstreamDocument = z.output<typeof upstreamDocument> & { readonly key_secret: string };

/** Checks the document of the upstream `id` as it came from JSON. */
export function readUpstreamDocument(id: string, raw: unknown): ParsedDocument<UpstreamDocument> {
  const parsed = readDocument(upstreamDocument, raw);
  if (!parsed.ok) return parsed;
  // A key goes to no address that it was not given for.
  const missing = (["base_url", "key_secret"] as const).filter((name) => parsed.document[name] === null);
  if (missing.length > 0 && id !== DEFAULT_UPSTREAM) {
    const message = `is required: only the upstream ${DEFAULT_UPSTREAM} takes it from the environment`;
    return { ok: false, faults: missing.map((path) => ({ path, message })) };
  }
  return { ok: true, document: { ...parsed.document, key_secret: parsed.document.key_secret ?? ENVIRONMENT_KEY } };
}

/** A checked document as the proxy uses it; `null` when it leaves its address to an environment that has none. */
export function toUpstream(id: string, document: UpstreamDocument, environment: Upstream | null): Upstream | null {
  const { key_secret: keySecret, auth, query, features, models, order, weight, websocket } = document;
  const videoExtensions = document.video_extensions;
  const own = environment?.id === id ? environment : null;
  const address = document.base_url ?? own?.baseUrl;
  if (address === undefined) return null;
  const usual = own?.patience ?? USUAL_PATIENCE;
  const patience = {
    connectMs: document.connect_ms ?? usual.connectMs,
    firstByteMs: document.first_byte_ms ?? usual.firstByteMs,
    idleMs: document.idle_ms ?? usual.idleMs,
    totalMs: document.total_ms ?? usual.totalMs,
  };
  return {
    id,
    baseUrl: address,
    keySecret,
    auth,
    query,
    features,
    models,
    order,
    weight,
    websocket,
    videoExtensions,
    patience,
  };
}
