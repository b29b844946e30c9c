import * as z from "zod";
import { parseCredits } from "../core/amount.ts";
import { SCOPES } from "../core/scope.ts";

/** Any id made of these characters has one reading within a key and a URL. */
const accountId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, {
  error: "must be 1 to 64 letters, digits, - or _, and begin with a letter or digit",
});

const instant = z.iso.datetime({ offset: true, error: "must be an ISO 8601 instant with a time zone" });
const epochMs = instant.transform((text) => Date.parse(text));

const amount = z
  .string({ error: 'must be credits as a decimal string, such as "12.5"' })
  .meta({ description: "Credits above zero as a decimal string with up to six places.", examples: ["12.5"] })
  .transform((text, context) => {
    const micro = parseCredits(text);
    if (micro !== null && micro > 0) return micro;
    context.addIssue({ code: "custom", message: "must be credits above zero with at most six decimals" });
    return z.NEVER;
  });

const name = z.string().min(1).max(200);

export const newAccount = z.strictObject({
  id: accountId.optional(),
  plan: z.string().min(1).max(64),
  name: name.nullish(),
});

export const accountPatch = z
  .strictObject({
    plan: z.string().min(1).max(64).optional(),
    status: z.enum(["active", "suspended"], { error: 'must be "active" or "suspended"' }).optional(),
    reason: z.string().min(1).max(500).optional(),
  })
  .refine((patch) => patch.plan !== undefined || patch.status !== undefined, { error: "change plan or status" });

export const newKey = z.strictObject({
  name: name.nullish(),
  scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length).nullish(),
  expires_at: epochMs.nullish(),
});

const DEFAULT_PRIORITY = 50;

export const newGrant = z
  .strictObject({
    amount,
    kind: z.enum(["promotional", "entitlement", "paid", "adjustment"], {
      error: 'must be "promotional", "entitlement", "paid" or "adjustment"',
    }),
    priority: z.int().min(0).max(1_000_000).default(DEFAULT_PRIORITY),
    effective_at: epochMs.nullish(),
    expires_at: epochMs.nullish(),
    features: z.array(z.string().min(1).max(64)).min(1).max(50).nullish(),
    reason: z.string({ error: "say why" }).min(1, { error: "say why" }).max(500),
  })
  .refine(({ effective_at, expires_at }) => !effective_at || !expires_at || effective_at < expires_at, {
    error: "must be after effective_at",
    path: ["expires_at"],
  });

const why = z.string({ error: "say why" }).min(1, { error: "say why" }).max(500);

export const newRefund = z.strictObject({
  request_id: z.string().min(1).max(100),
  amount: amount.nullish(),
  reason: why,
});

/** Without `plan`, the account is put on the plan that it was on last, as far as that is known. */
export const reopening = z.strictObject({ reason: why, plan: z.string().min(1).max(64).optional() });

export const voiding = z.strictObject({ reason: why.default("Voided by an operator") });

/** `versions` are the wrong ones, `to_version` the right one. */
export const newRerating = z.strictObject({
  rate_card: z.string().min(1).max(64).default("default"),
  versions: z.array(z.int().min(1)).min(1).max(50),
  to_version: z.int().min(1),
  from: epochMs,
  to: epochMs,
  account: accountId.nullish(),
  dry_run: z.boolean().default(false),
  reason: why,
});

export const reconciliationRequest = z.strictObject({ account: accountId.nullish() });

/** Entries as an export has them; each is then checked as one from the queue is. */
export const ledgerRestore = z.strictObject({
  entries: z.array(z.unknown()).min(1).max(500).meta({
    description: "Lines of an export, without its header and its end, in their order.",
  }),
  reason: why,
});

export const reservationResolution = z.strictObject({
  action: z.enum(["release", "settle_checkpoint"], { error: 'must be "release" or "settle_checkpoint"' }),
  reason: why,
  force: z.boolean().default(false),
});

/** Documents are checked as what they are; one of them has to be there. */
export const backtestRequest = z
  .strictObject({
    plan: z.strictObject({ id: z.string().min(1).max(64), document: z.unknown() }).optional(),
    rate_card: z.strictObject({ document: z.unknown() }).optional(),
    account: accountId.nullish(),
    from: epochMs,
    to: epochMs,
  })
  .refine(({ plan, rate_card }) => plan !== undefined || rate_card !== undefined, {
    error: "try a plan or a rate_card",
  })
  .refine(({ from, to }) => from < to, { error: "must be after from", path: ["to"] });
