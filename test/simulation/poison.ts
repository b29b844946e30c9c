import { type ChainedEntry, chain } from "../../src/core/event.ts";
import { sha256Hex } from "../../src/sha256.ts";
import type { Cast } from "./cast.ts";
import type { Action } from "./workload.ts";

type How = Extract<Action, { kind: "poison" }>["how"];

/** A message that must not be written, and a text by which it is found in quarantine. `null`: there is nothing to spoil. */
export function poisonOf(cast: Cast, accountId: string, how: How, n: number): { json: string; mark: string } | null {
  const mark = `poison ${n}`;
  const message = (entries: readonly unknown[], v = 1): string => JSON.stringify({ v, accountId, entries });
  const known = [...cast.promises.entries.values()].filter((entry) => entry.accountId === accountId);
  const entry = known[n % Math.max(1, known.length)];
  const beside = known[(n + 1) % Math.max(1, known.length)];
  if (how === "garbage") return { json: JSON.stringify({ [mark]: [null] }), mark };
  if (how === "version") return { json: message([{ v: 9, [mark]: true }], 9), mark };
  if (!entry || !beside) return null;
  if (how === "tampered") {
    const [first, ...rest] = entry.updates;
    const bad = { ...entry, updates: [{ ...first, cause: mark }, ...rest] };
    return { json: message([beside, bad]), mark };
  }
  return forged(cast, entry, beside, message);
}

/** A second history with good hashes: whoever wrote it had another past. */
function forged(
  { database }: Cast,
  entry: ChainedEntry,
  beside: ChainedEntry,
  message: (entries: readonly unknown[]) => string,
): { json: string; mark: string } | null {
  // Which of two histories came first decides which one is refused: the true one is already written here.
  const { accountId, seq } = entry;
  const written = database.all(
    "SELECT 1 FROM balance_updates WHERE account_id = ? AND seq = ? LIMIT 1",
    accountId,
    seq,
  );
  if (written.length === 0) return null;
  const { prev, hash: _, ...rest } = entry;
  const last = rest.updates.at(-1);
  const added = last && {
    ...last,
    id: last.id.replace(/\d+$/, String(last.draw + 1)),
    draw: last.draw + 1,
    kind: "none" as const,
    source: null,
    amount: 0,
    delta: 0,
    detail: null,
  };
  const other = chain(sha256Hex, { ...rest, updates: added ? [...rest.updates, added] : rest.updates }, prev);
  return { json: message([beside, other]), mark: other.hash };
}
