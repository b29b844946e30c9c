import * as z from "zod";
import { SCOPES } from "../core/scope.ts";

/** An API key that the holder of an account makes. */
export const ownKey = z.strictObject({
  name: z.string().min(1).max(200).nullish(),
  scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length).nullish(),
  expires_at: z.iso
    .datetime({ offset: true, error: "must be an ISO 8601 instant with a time zone" })
    .transform((text) => Date.parse(text))
    .refine((at) => at > Date.now(), { error: "must be in the future" })
    .nullish(),
});

/** How long the old key works beside the new one. */
export const rolling = z.strictObject({ overlap_hours: z.number().min(0).max(720).default(24) });
