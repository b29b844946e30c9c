import { sha256Hex } from "../sha256.ts";
import type { Rule } from "./body-schemas.ts";

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
