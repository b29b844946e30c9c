import * as z from "zod";
import { alertSettingsDocument, RULES } from "../../alerts/body-schemas.ts";
import { answer, pageOf } from "./answer.ts";
import { count, instant } from "./fields.ts";

/** What people are told of, and where. */

const rule = answer("AlertRule", z.enum(RULES));

export const alert = answer(
  "Alert",
  z.strictObject({
    id: z.string(),
    account: z.string().nullable().describe("`null`: it concerns the operator alone."),
    rule,
    message: z.string(),
    data: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
    at: instant,
    acknowledged_at: instant.nullable(),
  }),
);
export const alerts = pageOf("Alerts", alert);

export const acknowledged = answer(
  "Acknowledged",
  z.strictObject({ acknowledged: count.describe("How many were not before.") }),
);

const endpointFields = {
  id: z.string(),
  url: z.string(),
  rules: z.array(rule).nullable().describe("What it is told of; `null` is everything."),
  created_at: instant,
  old_secret_until: instant.nullable().describe("Until when the secret before signs as well."),
  disabled_at: instant.nullable(),
};

export const alertEndpoint = answer("AlertEndpoint", z.strictObject(endpointFields));
export const alertEndpoints = pageOf("AlertEndpoints", alertEndpoint);
export const alertEndpointSecret = answer(
  "AlertEndpointSecret",
  z.strictObject({
    ...endpointFields,
    secret: z.string().describe("Signs what is sent (Standard Webhooks). It is shown this once."),
  }),
);
export const deletedEndpoint = answer(
  "DeletedAlertEndpoint",
  z.strictObject({ id: z.string(), deleted: z.literal(true) }),
);
export const sentTest = answer("SentTestAlert", z.strictObject({ id: z.string(), sent: z.literal(true) }));

export const alertSettings = answer(
  "AlertSettings",
  z.strictObject({
    ...alertSettingsDocument.shape,
    from: z.enum(["account", "operator", "usual"]).describe("Who has set them."),
  }),
);
