import type { ChainedEntry } from "../core/event.ts";
import { MESSAGE_VERSION } from "../core/ledger-message.ts";
import { classify, retryDelay, type WriteFailure } from "./failure.ts";
import { bodyOf, type RefusedEntry, readMessage } from "./message.ts";
import { type Poison, putInQuarantine } from "./quarantine.ts";
import { chunkByBytes, writeEntries } from "./write.ts";

export interface ConsumerDeps {
  readonly db: D1Database;
  /** Tells an account's object which entries are in the ledger for good. May fail: the object sends them again. */
  confirm(accountId: string, epoch: number, seqs: readonly number[]): Promise<void>;
  /** Stops paid use of an account that wrote two histories under the same numbers. May fail: a reconciliation finds it. */
  freeze(accountId: string, reason: string): Promise<unknown>;
  now(): number;
  /** Spreads retries; in [0, 1). */
  random?(): number;
}

/** What one batch came to, in entries (a message that could not be read counts as one). */
export interface Consumed {
  readonly written: number;
  readonly quarantined: number;
  /** Messages that will be delivered again. */
  readonly retried: number;
}

/** One entry with the message that brought it. */
interface Item {
  readonly message: Message;
  readonly entry: ChainedEntry;
}

/** Something that will never be written, with the message that brought it. */
interface Refusal {
  readonly message: Message;
  readonly poison: Poison;
}

type Deferral = Exclude<WriteFailure["kind"], "refused">;

/**
 * Folds a batch of queue messages into the ledger. Delivery may repeat and reorder at will: what is there already is
 * left alone. Nothing is acknowledged before it is in D1 or in quarantine, and a bad entry delays no other. Never
 * throws.
 */
export async function consumeLedger(batch: MessageBatch, deps: ConsumerDeps): Promise<Consumed> {
  const { items, refusals } = readBatch(batch);
  const deferred = new Map<Message, Deferral>();
  const written = await writeAll(deps.db, items, refusals, deferred);
  const quarantined = await quarantineAll(deps, refusals, deferred);
  await freezeForked(deps, refusals);
  await confirmAll(deps, written);
  for (const message of batch.messages) {
    const why = deferred.get(message);
    if (why === undefined) message.ack();
    else message.retry({ delaySeconds: retryDelay(message.attempts, why, (deps.random ?? Math.random)()) });
  }
  return { written: written.length, quarantined, retried: deferred.size };
}

function readBatch(batch: MessageBatch): { items: Item[]; refusals: Refusal[] } {
  const items: Item[] = [];
  const refusals: Refusal[] = [];
  for (const message of batch.messages) {
    const body = bodyOf(message);
    const read = readMessage(body);
    if (read.kind === "refused") {
      refusals.push({ message, poison: { accountId: null, reason: read.reason, body } });
      continue;
    }
    for (const entry of read.entries) items.push({ message, entry });
    for (const refused of read.refused) refusals.push(refusal(message, refused));
  }
  return { items, refusals };
}

/** In quarantine an entry stands as a message of its own, so that it can be sent again as it is. */
function refusal(message: Message, { accountId, entry, reason }: RefusedEntry): Refusal {
  return { message, poison: { accountId, reason, body: { v: MESSAGE_VERSION, entries: [entry] } } };
}

/** Writes what can be written and returns it. After a transient failure the rest waits for the next delivery. */
async function writeAll(
  db: D1Database,
  items: readonly Item[],
  refusals: Refusal[],
  deferred: Map<Message, Deferral>,
): Promise<Item[]> {
  const written: Item[] = [];
  // A stack of chunks; a chunk that D1 refuses is halved until the entry that is to blame stands alone.
  const chunks = chunkByBytes(items).reverse();
  for (let chunk = chunks.pop(); chunk; chunk = chunks.pop()) {
    const failure = await tryWrite(db, chunk);
    if ("others" in failure) {
      for (const item of chunk) {
        const { message, entry } = item;
        if (failure.others.has(entry))
          refusals.push(refusal(message, { accountId: entry.accountId, entry, reason: OTHER_EPOCH }));
        else written.push(item);
      }
    } else if (failure.kind !== "refused") {
      for (const { message } of [chunk, ...chunks].flat()) deferred.set(message, failure.kind);
      return written;
    } else {
      const [only] = chunk;
      if (only && chunk.length === 1) {
        const { message, entry } = only;
        refusals.push(refusal(message, { accountId: entry.accountId, entry, reason: failure.reason }));
      } else {
        const middle = chunk.length >> 1;
        chunks.push(chunk.slice(middle), chunk.slice(0, middle));
      }
    }
  }
  return written;
}

/** The account has gone on in a later epoch without this entry, or never was in the entry's. */
const OTHER_EPOCH = "not of the present epoch";

async function tryWrite(
  db: D1Database,
  chunk: readonly Item[],
): Promise<WriteFailure | { readonly others: ReadonlySet<ChainedEntry> }> {
  try {
    const entries = chunk.map((item) => item.entry);
    return { others: await writeEntries(db, entries) };
  } catch (error) {
    return classify(error);
  }
}

async function quarantineAll(
  deps: ConsumerDeps,
  refusals: readonly Refusal[],
  deferred: Map<Message, Deferral>,
): Promise<number> {
  if (refusals.length === 0) return 0;
  try {
    await putInQuarantine(
      deps.db,
      refusals.map((refused) => refused.poison),
      deps.now(),
    );
    return refusals.length;
  } catch (error) {
    const { kind } = classify(error);
    for (const { message } of refusals) deferred.set(message, kind === "overloaded" ? kind : "transient");
    return 0;
  }
}

/** A fork means that an object was restored or exists twice: nothing more may be paid from it until a person has looked. */
async function freezeForked(deps: ConsumerDeps, refusals: readonly Refusal[]): Promise<void> {
  const forked = new Set(
    refusals.filter(({ poison }) => poison.reason === "fork").map(({ poison }) => poison.accountId),
  );
  const freezing = [...forked].map(async (id) => id && deps.freeze(id, "two histories under the same numbers"));
  await Promise.allSettled(freezing);
}

/** Confirms the exact sequence numbers, never "up to": the queue reorders, and an object forgets what is confirmed. */
async function confirmAll(deps: ConsumerDeps, written: readonly Item[]): Promise<void> {
  const groups = new Map<string, { accountId: string; epoch: number; seqs: Set<number> }>();
  for (const { entry } of written) {
    const { accountId, epoch, seq } = entry;
    const key = `${epoch} ${accountId}`;
    const group = groups.get(key) ?? { accountId, epoch, seqs: new Set<number>() };
    group.seqs.add(seq);
    groups.set(key, group);
  }
  const confirmations = [...groups.values()].map(async ({ accountId, epoch, seqs }) =>
    deps.confirm(
      accountId,
      epoch,
      [...seqs].sort((a, b) => a - b),
    ),
  );
  // A confirmation that fails is made up for: the object sends the entries again, and they are confirmed then.
  await Promise.allSettled(confirmations);
}
