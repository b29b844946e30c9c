import type { StripeConfig } from "../env.ts";
import type { HttpContext } from "../http/context.ts";
import type { Services } from "../http/services.ts";

/** What payments are dealt with by. */
export interface PaymentDeps {
  readonly services: Services;
  readonly stripe: StripeConfig;
  readonly hooks: PaymentHooks;
  now(): number;
}

/** What other parts of the gateway want to hear of payments. */
export interface PaymentHooks {
  /** Tells people. Told twice, it is the same. */
  tell(services: Services, news: PaymentNews): Promise<void>;
  /** An account has changed in a way that its ledger does not show. */
  look(services: Services, accountId: string): Promise<void>;
}

export interface PaymentNews {
  readonly rule: "top_up_succeeded" | "top_up_failed" | "payment_parked" | "payments_differ";
  /** `null`: it concerns the operator alone. */
  readonly accountId: string | null;
  /** What it is about, so that it is told once. */
  readonly instance: string;
  readonly message: string;
  readonly data: Readonly<Record<string, string | number | null>>;
}

/** What a request about payments is dealt with by. */
export function paymentDeps(c: HttpContext, stripe: StripeConfig, hooks: PaymentHooks): PaymentDeps {
  return { services: c.var.services, stripe, hooks, now: () => Date.now() };
}
