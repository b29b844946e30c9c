import { isOpening } from "../core/carry-over.ts";
import { type ChainedEntry, FIRST_EPOCH, genesis } from "../core/event.ts";
import { sha256Hex } from "../sha256.ts";
import { classify } from "./failure.ts";
import { writeHistory } from "./write.ts";

/** What became of entries that were to be put back. */
export type Restored =
  | {
      readonly kind: "restored";
      /** Entries that were there already. */
      readonly present: number;
      /** Those that were not, and now are. */
      readonly restored: readonly ChainedEntry[];
    }
  /** One of them contradicts what is there. Nothing was written. */
  | { readonly kind: "conflict"; readonly reason: string }
  /** The ledger failed. Whether anything was written is unknown, and the same again is harmless. */
  | { readonly kind: "unavailable" };

/** An entry that the ledger has. */
interface Known {
  readonly epoch: number;
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
}

/**
 * Puts entries of one account, in the order of their places, back into a ledger that has lost them. They were read as
 * the queue's are, so each is what its hash says. Here they must also continue what the ledger has around them, for what
 * is written once cannot be taken away again.
 */
export async function restoreEntries(
  db: D1Database,
  accountId: string,
  entries: readonly ChainedEntry[],
): Promise<Restored> {
  try {
    const known = await readKnown(db, accountId, entries);
    const missing = missingOf(entries, known);
    const reason = contradiction(entries, known) ?? (await ended(db, accountId, missing));
    if (reason !== null) return { kind: "conflict", reason };
    if (missing.length > 0) await writeHistory(db, missing);
    // What somebody else wrote in between, such as another epoch, may have kept some of them out.
    const whole = missing.length === 0 || missingOf(entries, await readKnown(db, accountId, entries)).length === 0;
    if (!whole) return { kind: "unavailable" };
    return { kind: "restored", present: entries.length - missing.length, restored: missing };
  } catch (error) {
    const failure = classify(error);
    return failure.kind === "refused" ? { kind: "conflict", reason: failure.reason } : { kind: "unavailable" };
  }
}

const placeOf = ({ epoch, seq }: Pick<Known, "epoch" | "seq">): string => `${epoch}.${seq}`;

/** What the ledger has, by its numbers, which go on from one epoch to the next. */
type KnownBySeq = ReadonlyMap<number, Known>;

function missingOf(entries: readonly ChainedEntry[], known: KnownBySeq): ChainedEntry[] {
  return entries.filter(({ seq, hash }) => known.get(seq)?.hash !== hash);
}

/** Each place is one search in the primary key, in this order of the tables. */
const KNOWN = `SELECT known.epoch, known.seq, known.prev, known.hash
FROM json_each(?2) place CROSS JOIN balance_updates known
WHERE known.account_id = ?1 AND known.epoch = place.value ->> 0 AND known.seq = place.value ->> 1 AND known.draw = 0`;

/** What the ledger has at the places of `entries` and beside them, in their epochs and those beside. */
async function readKnown(db: D1Database, accountId: string, entries: readonly ChainedEntry[]): Promise<KnownBySeq> {
  const beside = (value: number): number[] => [value - 1, value, value + 1];
  const places = entries.flatMap(({ epoch, seq }) =>
    beside(epoch).flatMap((e) => beside(seq).map((s) => `[${e},${s}]`)),
  );
  const asked = `[${[...new Set(places)].join(",")}]`;
  const { results } = await db.prepare(KNOWN).bind(accountId, asked).all<Known>();
  return new Map(results.map((one) => [one.seq, one]));
}

const NEWEST_EPOCH = "SELECT max(epoch) AS epoch FROM balance_updates WHERE account_id = ?1";

/** Why the first of `missing` comes too late; `null` when its epoch, or one before it, is the newest. */
async function ended(db: D1Database, accountId: string, [first]: readonly ChainedEntry[]): Promise<string | null> {
  if (!first) return null;
  const newest = await db.prepare(NEWEST_EPOCH).bind(accountId).first<number | null>("epoch");
  return (newest ?? FIRST_EPOCH) > first.epoch ? `epoch: that of ${placeOf(first)} has ended` : null;
}

/** The first reason why `entries` and the ledger are not one history without a hole; `null` when they are. */
function contradiction(entries: readonly ChainedEntry[], known: KnownBySeq): string | null {
  let last: Before | null = null;
  for (const entry of entries) {
    const { seq, prev, hash } = entry;
    const place = placeOf(entry);
    const there = known.get(seq);
    const before = last?.seq === seq - 1 ? last : beforeOf(entry, known);
    const after = known.get(seq + 1);
    if (there && there.hash !== hash) return `fork: the ledger has another entry at ${place}`;
    if (!before) return `gap: the entry before ${place} is missing; entries are put back from the oldest on`;
    if (before.hash !== prev) return `chain: ${place} does not continue the entry before it`;
    if (entry.epoch !== before.epoch + (isOpening(entry) ? 1 : 0)) return `epoch: ${place} is of another epoch`;
    if (after && after.prev !== hash) return `chain: the entry after ${place} continues another one`;
    last = entry;
  }
  return null;
}

type Before = Pick<Known, "epoch" | "seq" | "hash">;

/** What `entry` must continue. */
function beforeOf({ accountId, seq }: ChainedEntry, known: KnownBySeq): Before | undefined {
  if (seq > 1) return known.get(seq - 1);
  return { epoch: FIRST_EPOCH, seq: 0, hash: genesis(sha256Hex, accountId, FIRST_EPOCH) };
}
