import { type MicroCredits, sum } from "./amount.ts";
import { isRenewal } from "./entitlement.ts";
import type { BalanceUpdate, BalanceUpdateKind, ChainedEntry, GrantTerms, UsageEvent } from "./event.ts";
import { GRANT_KINDS } from "./grant.ts";
import type { GrantCommand } from "./granting.ts";
import type { Usage } from "./usage.ts";

/** How a sum of charges was paid; the three parts are the whole. */
export interface Paid {
  readonly charged: MicroCredits;
  readonly allowances: MicroCredits;
  readonly grants: MicroCredits;
  /** What nobody paid. */
  readonly overshoot: MicroCredits;
}

/** Where something stands in its account's history. */
interface Placed {
  /** Epoch ms. */
  readonly at: number;
  readonly seq: number;
}

/** A request that was charged, with all that is known of what it used. */
export interface PastRequest extends Placed {
  readonly event: UsageEvent;
  readonly usage: Usage;
  /** Whether the gateway counted that itself. */
  readonly estimated: boolean;
  /** The card at which it is charged, after corrections. */
  readonly card: { readonly id: string; readonly version: number };
  readonly charged: MicroCredits;
}

export interface PastGrant extends Placed {
  readonly command: GrantCommand;
}

export interface PastVoid extends Placed {
  readonly grantId: string;
}

/** What an account did and got, apart from what its plan grants by itself. */
export interface Past {
  readonly requests: readonly PastRequest[];
  readonly grants: readonly PastGrant[];
  readonly voids: readonly PastVoid[];
  readonly paid: Paid;
  /** Requests that were refused. What they would have used is not known. */
  readonly denied: number;
}

/**
 * Reads an account's history, in order, for running it again. What was given back by hand is kept as a grant of its own,
 * because the charge that it undid may come to something else.
 */
export function readPast(entries: readonly ChainedEntry[]): Past {
  const requests = new Map<string, PastRequest>();
  const grants: PastGrant[] = [];
  const voids: PastVoid[] = [];
  const counted: ChainedEntry[] = [];
  let denied = 0;
  for (const entry of entries) {
    const { usage: event, at, seq } = entry;
    if (event === null) {
      grants.push(...entry.updates.flatMap((update) => grantOf(update, { at, seq })));
      voids.push(...entry.updates.flatMap((update) => voidOf(update, { at, seq })));
    } else if (event.outcome === "denied") denied += event.decision.denial?.count ?? 1;
    else if (note(requests, entry, event)) counted.push(entry);
  }
  return { requests: [...requests.values()], grants, voids, paid: paidOf(counted), denied };
}

/** Notes the end of a request, or what came to be known of it after; `false` when it was not charged. */
function note(requests: Map<string, PastRequest>, { at, seq, monetization }: ChainedEntry, event: UsageEvent): boolean {
  const { usage, decision, outcome } = event;
  if (outcome === "late" || outcome === "corrected") {
    const id = event.id.replace(/~.*$/, "");
    const known = requests.get(id);
    if (!known) return false;
    const charged = known.charged + (monetization?.amount ?? 0);
    // A late end knows better what was used, a correction at which price, and what came late after it says so again.
    const used = outcome === "late" ? { usage, estimated: event.estimated } : {};
    const priced = decision.correction ? { card: decision.rateCard } : {};
    requests.set(id, { ...known, ...used, ...priced, charged });
    return true;
  }
  if (monetization === null) return false;
  const { estimated } = event;
  requests.set(event.id, { event, at, seq, usage, estimated, card: decision.rateCard, charged: monetization.amount });
  return true;
}

function paidOf(entries: readonly ChainedEntry[]): Paid {
  const updates = entries.flatMap((entry) => entry.updates);
  const of = (...kinds: BalanceUpdateKind[]): MicroCredits =>
    sum(updates.filter(({ kind }) => kinds.includes(kind)).map(({ amount }) => amount));
  // Only corrections give back here: a refund by hand is an entry without a usage event.
  const back = of("refund", "grant");
  return {
    charged: sum(entries.map(({ monetization }) => monetization?.amount ?? 0)) - back,
    allowances: of("allowance"),
    grants: of("debit") - back,
    overshoot: of("overshoot"),
  };
}

const USUAL_PRIORITY = 50;

function grantOf({ id, kind, source, amount, detail }: BalanceUpdate, place: Placed): PastGrant[] {
  if (kind === "refund") {
    const terms = { kind: "adjustment", priority: USUAL_PRIORITY, features: null, reason: "given back" } as const;
    return [{ ...place, command: { ...terms, id, amount, effectiveAt: place.at, expiresAt: null } }];
  }
  if (kind !== "grant" || source === null || detail === null || !("priority" in detail)) return [];
  return operatorsGrant(source, amount, detail, place);
}

/** A grant by its terms in the ledger; none when its plan made it, which the plan that is tried does anew. */
export function operatorsGrant(id: string, amount: MicroCredits, terms: GrantTerms, place: Placed): PastGrant[] {
  const kind = GRANT_KINDS.find((known) => known === terms.kind);
  return kind === undefined || isRenewal(terms) ? [] : [{ ...place, command: { ...terms, kind, id, amount } }];
}

/** A grant of which nothing was left is voided by an update that moves nothing. */
function voidOf({ kind, cause, detail }: BalanceUpdate, place: Placed): PastVoid[] {
  const byHand = kind === "void" || (kind === "none" && detail !== null && cause.startsWith("grt_"));
  return byHand ? [{ ...place, grantId: cause }] : [];
}
