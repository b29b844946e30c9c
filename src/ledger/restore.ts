import { isOpening } from "../core/carry-over.ts";
import { type ChainedEntry, genesis } from "../core/event.ts";
import { sha256Hex } from "../sha256.ts";
import { classify } from "./failure.ts";
import { writeEntries, writeOpening } from "./write.ts";

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
    for (const run of runsOf(missing)) {
      const reason = await write(db, run);
      if (reason !== null) return { kind: "conflict", reason };
    }
    return { kind: "restored", present: entries.length - missing.length, restored: missing };
  } catch (error) {
    const failure = classify(error);
    return failure.kind === "refused" ? { kind: "conflict", reason: failure.reason } : { kind: "unavailable" };
  }
}

/** Entries that are written together: those of one epoch, and by itself what an epoch begins with. */
function runsOf(entries: readonly ChainedEntry[]): ChainedEntry[][] {
  const runs: ChainedEntry[][] = [];
  for (const [index, entry] of entries.entries()) {
    const before = entries[index - 1];
    const goesOn = before?.epoch === entry.epoch && !isOpening(before) && !isOpening(entry);
    if (goesOn) runs.at(-1)?.push(entry);
    else runs.push([entry]);
  }
  return runs;
}

/** Why a run cannot be written, or `null` once it is. */
async function write(db: D1Database, run: readonly ChainedEntry[]): Promise<string | null> {
  const [first] = run;
  if (!first) return null;
  if (isOpening(first)) {
    const begun = await writeOpening(db, first);
    return begun ? null : `epoch: the ledger does not end where epoch ${first.epoch} begins`;
  }
  const others = await writeEntries(db, run);
  return others.size === 0 ? null : `epoch: ${placeOf(first)} is not of the present epoch`;
}

const placeOf = ({ epoch, seq }: Pick<Known, "epoch" | "seq">): string => `${epoch}.${seq}`;

/** Each place is one search in the primary key, in this order of the tables. */
const KNOWN = `SELECT DISTINCT known.epoch, known.seq, known.prev, known.hash
FROM json_each(?2) place CROSS JOIN balance_updates known
WHERE known.account_id = ?1 AND known.epoch = place.value ->> 0 AND known.seq = place.value ->> 1 AND known.draw = 0`;

/** What the ledger has at the places of `entries` and beside them. */
async function readKnown(db: D1Database, accountId: string, entries: readonly ChainedEntry[]): Promise<Known[]> {
  // Numbers go on over epochs: beside an entry may be one of the epoch before, or after.
  const places = entries.flatMap(({ epoch, seq }) => [
    [epoch - 1, seq - 1],
    ...[seq - 1, seq, seq + 1].map((near) => [epoch, near]),
    [epoch + 1, seq + 1],
  ]);
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
    const after = known.get(placeOf({ epoch, seq: seq + 1 })) ?? known.get(placeOf({ epoch: epoch + 1, seq: seq + 1 }));
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
  const before = isOpening(entry) ? epoch - 1 : epoch;
  if (last?.epoch === before && last.seq === seq - 1) return last.hash;
  return known.get(placeOf({ epoch: before, seq: seq - 1 }))?.hash ?? null;
}
