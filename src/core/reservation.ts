import type { MicroCredits } from "./amount.ts";
import type { ChargePart } from "./charge-part.ts";
import type { Considered, Draw, GateDraw } from "./draw.ts";
import type { UsageOutcome } from "./event.ts";
import type { QuotedRate } from "./rate-card.ts";
import type { Usage } from "./usage.ts";

export type ReservationState = "pending" | "settled" | "released" | "expired";

/** How a reservation ended: the charge, who paid it, what came back. */
export interface Settlement {
  readonly usageId: string;
  readonly seq: number;
  readonly outcome: UsageOutcome;
  readonly usage: Usage;
  readonly estimated: boolean;
  readonly charge: MicroCredits;
  /** What each source paid. Their sum and the overshoot are the charge. */
  readonly posted: readonly Draw[];
  readonly returned: MicroCredits;
  /** The part of the charge that nothing covered: debited and refunded in the same entry. */
  readonly overshoot: MicroCredits;
  readonly balanceUpdates: readonly string[];
}

/** Credits of a charge given back, by an operator or by a correction of its price. */
export interface Refund {
  readonly id: string;
  readonly amount: MicroCredits;
  readonly at: number;
  readonly reason: string;
  /** The number of its entry. Absent of those that were made before it was kept, and of corrections: these are parts. */
  readonly seq?: number;
}

/** The price that a correction has given a request. */
export interface CorrectedPrice {
  readonly quote: QuotedRate;
  readonly reason: string;
}

/** Draws held for one request. `pending` ends exactly once. */
export interface Reservation {
  readonly requestId: string;
  /** Rises only after `released`, when nothing was charged; a late command of an earlier attempt is fenced off. */
  readonly attempt: number;
  readonly state: ReservationState;
  /** Tells a caller's own repetition of a command from somebody else's request with the same id. */
  readonly owner: string;
  /**
   * Hash of method, path and body: the same id with another body is a different request. `null` where only the ledger
   * remembers the request.
   */
  readonly fingerprint: string | null;
  /** Hash of what a job is asked for, by which a repetition without a key is told; absent where none is looked for. */
  readonly content?: string;
  /** Whether the id comes from a client's `Idempotency-Key`, and so may come again. */
  readonly keyed: boolean;
  readonly keyId: string;
  readonly feature: string;
  readonly model: string;
  /** The rate is fixed here; a new rate card does not reach a request that is under way. */
  readonly quote: QuotedRate;
  /** The worst case that the reservation covers. */
  readonly bound: Usage;
  /** The upper bound of output tokens to send upstream, where the plan clamps; otherwise `null`. */
  readonly clampedTo: number | null;
  readonly reserved: MicroCredits;
  readonly draws: readonly Draw[];
  readonly gates: readonly GateDraw[];
  readonly considered: readonly Considered[];
  readonly plan: { readonly id: string; readonly version: number };
  /** The upstream that keeps what the request names of earlier ones; absent when it names nothing. */
  readonly upstream?: string;
  /** The job that the request has begun, once upstream has taken it on. */
  readonly job?: string;
  readonly reservedAt: number;
  readonly expiresAt: number;
  /** The most that is known to have been used so far; what an expiry charges. */
  readonly checkpoint: Usage | null;
  readonly endedAt: number | null;
  readonly settlement: Settlement | null;
  /** A settlement that came after the expiry and charged the difference, once. */
  readonly late: Settlement | null;
  /** Credits of the charge that an operator gave back. */
  readonly refunds: readonly Refund[];
  /** It ended in an earlier epoch and is known from the ledger: it is not served again, and no more is known of it here. */
  readonly carried?: true;
  /** What corrections of its price did, so that the next one counts them before the ledger has them. */
  readonly corrections?: readonly ChargePart[];
  /** The price of its last correction, while more of what it used may come late: that costs the same. */
  readonly correctedTo?: CorrectedPrice;
}

/** Whether more of what the request used may come to be known, for as long as that is charged. */
export function mayComeLate({ state, late }: Reservation): boolean {
  return state === "expired" && late === null;
}
