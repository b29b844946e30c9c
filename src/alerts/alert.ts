import { sha256Hex } from "../sha256.ts";

/** What people may be told of. */
export const RULES = [
  "window_used",
  "credits_low",
  "spend_rate",
  "grant_expires",
  "account_frozen",
  "top_up_succeeded",
  "top_up_failed",
  "payment_parked",
  "payments_differ",
  "test",
] as const;

export type Rule = (typeof RULES)[number];

/** Something that has come about. Alerts of the same rule, account and instance are one. */
export interface Alert {
  readonly rule: Rule;
  /** `null`: it concerns the operator alone. */
  readonly accountId: string | null;
  /** Which time it is that this comes about. */
  readonly instance: string;
  /** One sentence for people. */
  readonly message: string;
  readonly data: Readonly<Record<string, string | number | null>>;
}

export function alertIdOf({ rule, accountId, instance }: Alert): string {
  return `alt_${sha256Hex(`${rule}|${accountId ?? ""}|${instance}`).slice(0, 32)}`;
}
