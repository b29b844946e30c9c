import type { AccountStatus } from "../src/core/account.ts";
import type { GrantView, LimitsView } from "../src/core/account-view.ts";
import type { UsageReport } from "../src/core/charge.ts";
import type { References } from "../src/core/continuation.ts";
import type { DenialFold } from "../src/core/denials.ts";
import type { SourceAmount } from "../src/core/draw.ts";
import type { ChainedEntry, UsageOutcome } from "../src/core/event.ts";
import type { Grant } from "../src/core/grant.ts";
import type { Plan } from "../src/core/plan.ts";
import type { Refund, Reservation, ReservationState, Settlement } from "../src/core/reservation.ts";
import type { ReserveAnswer, ReserveCommand } from "../src/core/reserve.ts";
import type { MadeResource } from "../src/core/resource.ts";
import type { Scope } from "../src/core/scope.ts";
import type { Usage } from "../src/core/usage.ts";
import type { Decision, Demand } from "../src/core/waterfall.ts";
import type { StoredKey } from "./account-rows.ts";
import type { KeyClaim } from "./key.ts";

/** Commands and answers of the account object, as plain data. Fields may be added; an unknown one is ignored. */

/** Who asks, and which plan versions the asker knows, so that a newer one reaches the account with its next request. */
export interface Caller {
  readonly key: KeyClaim;
  readonly planVersions: Readonly<Record<string, number>>;
}

/** Who looks at an account or manages its keys: a key, or a person for whom the edge answers (`key` is `null`). */
export interface Holder {
  readonly key: KeyClaim | null;
  readonly planVersions: Readonly<Record<string, number>>;
  /** What the key must be good for, where that is not what the command itself implies. */
  readonly needs?: Scope;
}

/** The key is not good for this account, or there is no such account: nobody is told which. */
export interface KeyRefused {
  readonly kind: "key_refused";
  /** The key is good, but not for this: it lacks a scope. */
  readonly lacks?: Scope;
}

export interface OwnKeyRequest {
  readonly holder: Holder;
  readonly key: StoredKey;
  /** The key that the new one takes over from, and when it ends unless it ends sooner (epoch ms). */
  readonly replaces?: { readonly id: string; readonly expiresAt: number };
}

/** Unknown is the key that was to be replaced, or it has ended; beyond its scopes is what the caller could not do itself. */
export type OwnKeyReply =
  | KeyRefused
  | { readonly kind: "added"; readonly replaced: { readonly id: string; readonly expiresAt: number | null } | null }
  | { readonly kind: "too_many_keys"; readonly most: number }
  | { readonly kind: "unknown_key" }
  | { readonly kind: "beyond_scopes" };

export type OwnKeyRevoked = KeyRefused | { readonly kind: "revoked" | "unknown_key" };

/** The account's plan has a newer version than the object knows: send it with `followPlan` and ask again. */
export interface PlanOutdated {
  readonly kind: "plan_outdated";
  readonly planId: string;
}

export interface ReserveRequest {
  readonly caller: Caller;
  /** What the request names of earlier ones; all of it must belong to this account. */
  readonly references?: References;
  readonly command: Omit<ReserveCommand, "demand" | "upstream"> & { readonly demand: Omit<Demand, "keyId"> };
  /** Denials that the asker gave from memory since it last asked. A repetition of the call leaves them out. */
  readonly remembered?: readonly DenialFold[];
}

/**
 * The account has nothing of that id. What an answer made is known at its settlement, moments after its last byte: while
 * requests are in flight, asking again shortly may find it.
 */
export interface UnknownReference {
  readonly kind: "unknown_reference";
  readonly id: string;
  readonly inFlight: boolean;
}

export interface QuoteRequest {
  readonly caller: Holder;
  readonly references?: References;
  readonly demand: Omit<Demand, "keyId">;
}

export type QuoteReply =
  | KeyRefused
  | PlanOutdated
  | UnknownReference
  | {
      readonly kind: "quoted";
      readonly decision: Decision;
      /** The upstream that keeps what the request names; absent where an older object answers. */
      readonly upstream?: string | null;
    };

export interface RefundRequest {
  readonly id: string;
  readonly requestId: string;
  /** In micro-credits; `null` refunds all that is left of the charge. */
  readonly amount: number | null;
  readonly reason: string;
}

/** `difference` is what was posted, signed; `repeated` when this correction was made before. */
export type RerateReply =
  | { readonly kind: "rerated"; readonly difference: number; readonly repeated: boolean }
  /** The ledger, when it was read, lacked what was done to the charge before: it is to be read again, later. */
  | { readonly kind: "outdated" }
  | { readonly kind: "no_account" };

export type RefundReply =
  | { readonly kind: "refunded"; readonly refund: Refund; readonly created: boolean }
  | { readonly kind: "too_much"; readonly refundable: number }
  | { readonly kind: "unknown" }
  | { readonly kind: "mismatch" };

/** An answer of the account, with the whole reservation. */
export type ReserveOutcome = KeyRefused | PlanOutdated | UnknownReference | (ReserveAnswer & Reserved);

/** What is told beside the answer: the caller's limits after it, and the upstream that keeps what the request names. */
interface Reserved {
  readonly limits: LimitsView;
  readonly upstream: string | null;
}

/** What the asker needs of a reservation. The whole of it stays in the object: it is large, and RPC copies it. */
export interface HeldRequest {
  readonly requestId: string;
  readonly attempt: number;
  readonly state: ReservationState;
  readonly feature: string;
  readonly clampedTo: number | null;
  readonly reserved: number;
  readonly draws: readonly SourceAmount[];
  readonly expiresAt: number;
  /** The job that it has begun: a repetition of the request is answered from it. */
  readonly job?: string;
  /** What it came to, once it has ended. */
  readonly ended: { readonly outcome: UsageOutcome; readonly usage: Usage; readonly charge: number } | null;
}

type WithHeld<Answer> = Answer extends { readonly reservation: Reservation }
  ? Omit<Answer, "reservation"> & { readonly reservation: HeldRequest }
  : Answer;

export type ReserveReply = KeyRefused | PlanOutdated | UnknownReference | (WithHeld<ReserveAnswer> & Reserved);

export type DeniedReply = Extract<ReserveReply, { readonly kind: "denied" }>;

/** Names one attempt of a request; a command for another attempt is fenced off. */
export interface AttemptRef {
  readonly requestId: string;
  readonly attempt: number;
}

/** Ends an attempt. */
export interface EndRequest extends AttemptRef {
  /** The caller flushes the entries of this: it is told them, and the object counts them as sent. */
  readonly flushes?: boolean;
}

export interface SettleRequest extends EndRequest {
  readonly report: UsageReport;
  /** What upstream keeps of the answer. */
  readonly made?: MadeResource;
}

export interface ReleaseRequest extends EndRequest {
  readonly outcome: UsageOutcome;
}

export interface CheckpointRequest extends AttemptRef {
  readonly usage: Usage;
  readonly holdMs: number;
}

export type EndReply =
  | {
      readonly kind: "ended";
      readonly settlement: Settlement;
      /** The JSON of the entries, for a caller who flushes them. */
      readonly entries?: readonly string[];
    }
  | { readonly kind: "unknown" | "released" | "fenced" };

export type GrantReply =
  | { readonly kind: "granted"; readonly grant: Grant; readonly created: boolean }
  | { readonly kind: "mismatch" }
  /** It would have expired before it was there. */
  | { readonly kind: "expired" }
  | { readonly kind: "too_large" }
  | { readonly kind: "no_account" };

export interface VoidReply {
  readonly grant: Grant;
}

/** `owed` could not be taken yet; at most `held` of it still may, when the requests that hold it end. */
export interface ReclaimReply {
  readonly grant: Grant;
  readonly owed: number;
  readonly held: number;
}

export interface AccountReply {
  readonly kind: "account";
  readonly id: string;
  readonly status: AccountStatus;
  readonly statusReason: string | null;
  readonly plan: Plan;
  readonly seq: number;
  readonly limits: LimitsView;
  readonly grants: readonly GrantView[];
  /** What the caller's key is good for; `null` is everything. */
  readonly scopes?: readonly string[] | null;
}

export type ReceiptReply =
  | {
      readonly kind: "request";
      readonly reservation: Reservation;
      /** Whether the ledger has confirmed the entry of its end; `null` while it is pending. */
      readonly confirmed: boolean | null;
      /** Its entries that the ledger may not have yet; absent where an older object answers. */
      readonly unread?: readonly ChainedEntry[];
    }
  /** The object has forgotten the request, but not that it was corrected. */
  | { readonly kind: "forgotten"; readonly unread: readonly ChainedEntry[] }
  | {
      readonly kind: "denial";
      readonly fold: DenialFold;
      readonly plan: { readonly id: string; readonly version: number };
    };

/** What the reconciler asks of an object. */
export interface HeadReply {
  /** Absent where the object runs older code. */
  readonly status?: AccountStatus;
  readonly epoch: number;
  readonly seq: number;
  readonly head: string;
  readonly balance: number;
  readonly grants: readonly (readonly [id: string, left: number])[];
  /** Sequence numbers still in the outbox. */
  readonly unconfirmed: readonly number[];
  readonly pendingReservations: number;
  /** Pending reservations whose time was over more than six minutes ago. */
  readonly staleReservations: number;
}

/** An epoch is begun once: `outdated` where the object is in a later one already. */
export type ReopenReply =
  | { readonly kind: "reopened"; readonly status: AccountStatus; readonly keys: number }
  | { readonly kind: "active" }
  | { readonly kind: "outdated"; readonly epoch: number };

/** Work done since the object was loaded, for measuring. */
export interface WorkReply {
  /** Turns: commands, and the parts of alarms. */
  readonly calls: number;
  readonly rowsWritten: number;
  readonly rowsRead?: number;
  readonly alarmsSet: number;
  /** Calls from outside and alarms that rang, but for this question: what a platform counts as requests. */
  readonly requests?: number;
  /** Messages that were put on queues: the ledger's, and questions after jobs. */
  readonly messages?: number;
  readonly polls?: number;
  /** Entries that callers flush. */
  readonly handedOver?: number;
  /** How often the ledger has told what it holds. */
  readonly confirmations?: number;
}
