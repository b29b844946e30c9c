import type { AccountRow, AccountStatus } from "../src/core/account.ts";
import type { Grant, GrantKind } from "../src/core/grant.ts";
import type { Plan } from "../src/core/plan.ts";
import type { Resource, ResourceDetails, ResourceKind } from "../src/core/resource.ts";
import type { Marks } from "../src/core/window.ts";

/** Rows of the object's tables, and what they are outside of SQL. */
export type AccountColumns = {
  account_id: string;
  epoch: number;
  seq: number;
  head: string;
  status: AccountStatus;
  status_reason: string | null;
  balance: number;
  used: number;
  meters: string;
  renewals: string;
  learned: string;
};

export type GrantColumns = {
  id: string;
  kind: GrantKind;
  amount: number;
  priority: number;
  effective_at: number;
  expires_at: number | null;
  features: string | null;
  reason: string;
  created_at: number;
  created_seq: number;
  used: number;
  lapsed: number;
  voided_at: number | null;
  reclaimed: number;
};

/** A key as it is stored: only the digest of its secret is kept. */
export interface StoredKey {
  readonly id: string;
  readonly digest: string;
  readonly name: string | null;
  readonly scopes: readonly string[] | null;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  /** There once another key has taken over from it: when it would have ended otherwise. */
  readonly unrolled?: { readonly expiresAt: number | null };
}

export type KeyColumns = {
  id: string;
  digest: string;
  name: string | null;
  scopes: string | null;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  unrolled_expires_at: number | null;
};

export type ResourceColumns = {
  id: string;
  kind: ResourceKind;
  upstream: string;
  model: string;
  request_id: string;
  attempt: number;
  created_at: number;
  context_tokens: number;
  output_tokens: number;
  item_ids: string;
  details: string | null;
  poll_at: number | null;
  polls: number;
};

export function toGrant(row: GrantColumns): Grant {
  return {
    id: row.id,
    kind: row.kind,
    amount: row.amount,
    priority: row.priority,
    effectiveAt: row.effective_at,
    expiresAt: row.expires_at,
    features: row.features === null ? null : (JSON.parse(row.features) as string[]),
    reason: row.reason,
    createdAt: row.created_at,
    createdSeq: row.created_seq,
    used: row.used,
    lapsed: row.lapsed,
    voidedAt: row.voided_at,
    ...(row.reclaimed > 0 ? { reclaimed: row.reclaimed } : {}),
  };
}

export function toKey(row: KeyColumns): StoredKey {
  return {
    id: row.id,
    digest: row.digest,
    name: row.name,
    scopes: row.scopes === null ? null : (JSON.parse(row.scopes) as string[]),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    ...(row.unrolled_expires_at === null ? {} : { unrolled: { expiresAt: row.unrolled_expires_at || null } }),
  };
}

export function toResource(row: ResourceColumns): Resource {
  return {
    id: row.id,
    kind: row.kind,
    upstream: row.upstream,
    model: row.model,
    requestId: row.request_id,
    attempt: row.attempt,
    createdAt: row.created_at,
    contextTokens: row.context_tokens,
    outputTokens: row.output_tokens,
    itemIds: JSON.parse(row.item_ids) as string[],
    details: row.details === null ? null : (JSON.parse(row.details) as ResourceDetails),
    job: row.poll_at === null ? null : { pollAt: row.poll_at, polls: row.polls },
  };
}

/** Meters as JSON can hold them. */
type StoredMeters = Record<string, [mark: number, amount: number][]>;

function toStored(meters: AccountRow["meters"]): StoredMeters {
  return Object.fromEntries(Object.entries(meters).map(([meter, marks]) => [meter, [...marks]]));
}

function fromStored(meters: StoredMeters): AccountRow["meters"] {
  return Object.fromEntries(Object.entries(meters).map(([meter, marks]): [string, Marks] => [meter, new Map(marks)]));
}

export function serialiseMeters(meters: AccountRow["meters"]): string {
  return JSON.stringify(toStored(meters));
}

/** What an entry carries of the account that it changed: its row without the plan, and grants. */
interface StoredState {
  readonly row: Omit<AccountRow, "plan" | "meters"> & { readonly meters: StoredMeters };
  readonly grants: readonly Grant[];
  /** Whether these are all grants that the tables do not hold as they are, also those that earlier entries moved. */
  readonly whole?: boolean;
}

export function serialiseState({ plan: _, ...row }: AccountRow, grants: readonly Grant[]): string {
  return JSON.stringify({ row: { ...row, meters: toStored(row.meters) }, grants, whole: true } satisfies StoredState);
}

export function parseState(json: string, plan: Plan) {
  const { row, grants, whole = false } = JSON.parse(json) as StoredState;
  return { row: { ...row, plan, meters: fromStored(row.meters) } satisfies AccountRow, grants, whole };
}

export function toAccount(row: AccountColumns, plan: string): AccountRow {
  return {
    id: row.account_id,
    epoch: row.epoch,
    seq: row.seq,
    head: row.head,
    status: row.status,
    statusReason: row.status_reason,
    plan: JSON.parse(plan) as Plan,
    balance: row.balance,
    used: row.used,
    meters: fromStored(JSON.parse(row.meters) as StoredMeters),
    renewals: JSON.parse(row.renewals) as AccountRow["renewals"],
    learned: JSON.parse(row.learned) as AccountRow["learned"],
  };
}
