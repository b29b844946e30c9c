import type { BalanceUpdate, ChainedEntry } from "../core/event.ts";
import { packDecision } from "./packed-decision.ts";

/* What an entry is in the three tables: its rows as JSON, in the order of their columns. */

export const USAGE_COLUMNS = [
  "account_id",
  "id",
  "epoch",
  "seq",
  "at",
  "request_id",
  "attempt",
  "key_id",
  "feature",
  "model",
  "outcome",
  "estimated",
  "usage",
  "decision",
] as const;

export const MONETIZATION_COLUMNS = [
  "account_id",
  "id",
  "usage_id",
  "epoch",
  "seq",
  "at",
  "card_id",
  "card_version",
  "model",
  "amount",
] as const;

export const UPDATE_COLUMNS = [
  "account_id",
  "epoch",
  "seq",
  "draw",
  "id",
  "v",
  "at",
  "kind",
  "source",
  "amount",
  "delta",
  "balance_after",
  "cause",
  "detail",
  "usage_id",
  "monetization_id",
  "prev",
  "hash",
  "summed",
] as const;

/** The values of one row, in the order of the table's columns. */
type Row = readonly (string | number | null)[];

type Width<Columns extends readonly string[]> = { readonly [Index in keyof Columns]: string | number | null };

// JSON inside a row travels as text, so that it is stored byte for byte.
function usageRow({ accountId, epoch, seq, at, usage }: ChainedEntry): Row | null {
  if (!usage) return null;
  return [
    accountId,
    usage.id,
    epoch,
    seq,
    at,
    usage.requestId,
    usage.attempt,
    usage.keyId,
    usage.feature,
    usage.model,
    usage.outcome,
    usage.estimated ? 1 : 0,
    JSON.stringify(usage.usage),
    packDecision(usage.decision),
  ] satisfies Width<typeof USAGE_COLUMNS>;
}

function monetizationRow({ accountId, epoch, seq, at, monetization }: ChainedEntry): Row | null {
  if (!monetization) return null;
  return [
    accountId,
    monetization.id,
    monetization.usageId,
    epoch,
    seq,
    at,
    monetization.cardId,
    monetization.cardVersion,
    monetization.model,
    monetization.amount,
  ] satisfies Width<typeof MONETIZATION_COLUMNS>;
}

function updateRow(entry: ChainedEntry, update: BalanceUpdate): Row {
  return [
    entry.accountId,
    entry.epoch,
    entry.seq,
    update.draw,
    update.id,
    entry.v,
    entry.at,
    update.kind,
    update.source,
    update.amount,
    update.delta,
    update.balanceAfter,
    update.cause,
    update.detail && JSON.stringify(update.detail),
    entry.usage?.id ?? null,
    entry.monetization?.id ?? null,
    entry.prev,
    entry.hash,
    SUMMED,
  ] satisfies Width<typeof UPDATE_COLUMNS>;
}

/** Tells the trigger that the balance has been moved already. */
const SUMMED = 1;

/** The rows of some entries as the JSON texts of the three parameters, without their brackets. */
interface Rows {
  readonly usage: readonly string[];
  readonly monetization: readonly string[];
  readonly updates: readonly string[];
}

/** An entry's rows are asked for twice, for the size of its chunk and to write them. */
const made = new WeakMap<ChainedEntry, Rows>();

export function rowsOf(entry: ChainedEntry): Rows {
  const known = made.get(entry);
  if (known) return known;
  const usage = usageRow(entry);
  const monetization = monetizationRow(entry);
  const rows = {
    usage: usage ? [JSON.stringify(usage)] : [],
    monetization: monetization ? [JSON.stringify(monetization)] : [],
    updates: entry.updates.map((update) => JSON.stringify(updateRow(entry, update))),
  };
  made.set(entry, rows);
  return rows;
}
