import { type ChainedEntry, genesis } from "../core/event.ts";
import { sha256Hex } from "../sha256.ts";
import { classify } from "./failure.ts";
import { writeEntries } from "./write.ts";

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
    const known = new Map((await readKnown(db, accountId, entries)).map((one) => [placeOf(one), one]));
    const missing = entries.filter((entry) => known.get(placeOf(entry))?.hash !== entry.hash);
    const reason = contradiction(entries, known);
    if (reason !== null) return { kind: "conflict", reason };
    if (missing.length > 0) await writeEntries(db, missing);
    return { kind: "restored", present: entries.length - missing.length, restored: missing };
  } catch (error) {
    const failure = classify(error);
    return failure.kind === "refused" ? { kind: "conflict", reason: failure.reason } : { kind: "unavailable" };
  }
}

const placeOf = ({ epoch, seq }: Pick<Known, "epoch" | "seq">): string => `${epoch}.${seq}`;

/** Each place is one search in the primary key, in this order of the tables. */
const KNOWN = `SELECT DISTINCT known.epoch, known.seq, known.prev, known.hash
FROM json_each(?2) place CROSS JOIN balance_updates known
WHERE known.account_id = ?1 AND known.epoch = place.value ->> 0 AND known.seq = place.value ->> 1 AND known.draw = 0`;

/** What the ledger has at the places of `entries` and beside them. */
async function readKnown(db: D1Database, accountId: string, entries: readonly ChainedEntry[]): Promise<Known[]> {
  const places = entries.flatMap(({ epoch, seq }) => [seq - 1, seq, seq + 1].map((near) => [epoch, near]));
  const { results } = await db.prepare(KNOWN).bind(accountId, JSON.stringify(places)).all<Known>();
  return results;
}

/** The first reason why `entries` and the ledger are not one history without a hole; `null` when they are. */
function contradiction(entries: readonly ChainedEntry[], known: ReadonlyMap<string, Known>): string | null {
  let last: Known | null = null;
  for (const entry of entries) {
    const { epoch, seq, prev, hash } = entry;
    const place = placeOf(entry);
    const there = known.get(place);
    const before = hashBefore(entry, last, known);
    const after = known.get(placeOf({ epoch, seq: seq + 1 }));
    if (there && there.hash !== hash) return `fork: the ledger has another entry at ${place}`;
    if (before === null) return `gap: the entry before ${place} is missing; entries are put back from the oldest on`;
    if (before !== prev) return `chain: ${place} does not continue the entry before it`;
    if (after && after.prev !== hash) return `chain: the entry after ${place} continues another one`;
    last = entry;
  }
  return null;
}

/** The hash that `entry` must continue; `null` when the entry before it is nowhere. */
function hashBefore(entry: ChainedEntry, last: Known | null, known: ReadonlyMap<string, Known>): string | null {
  const { accountId, epoch, seq } = entry;
  if (seq === 1) return genesis(sha256Hex, accountId, epoch);
  if (last?.epoch === epoch && last.seq === seq - 1) return last.hash;
  return known.get(placeOf({ epoch, seq: seq - 1 }))?.hash ?? null;
}
