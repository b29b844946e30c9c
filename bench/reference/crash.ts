import { setTimeout as sleep } from "node:timers/promises";
import { Asker, type Attempt } from "./attempts.ts";
import type { Books, Subject } from "./subject.ts";
import type { ReferenceAccount } from "./system.ts";

/** What was found after a server was killed under load. */
export interface Crash {
  /** JSON answers that a client had read to their end, and those of them that are not charged. */
  readonly answered: number;
  readonly answeredUncharged: number;
  /** The same of streams. */
  readonly streams: number;
  readonly streamsUncharged: number;
  /** Requests that were under way. */
  readonly cut: number;
  readonly cutCharged: number;
  /** Reservations that stand open after the restart. */
  readonly cutHeld: number;
  /** Those of which the books know nothing. Some of them had reached the upstream. */
  readonly cutUnknown: number;
  /** Requests that are charged twice after each broken client asked again under the same `Idempotency-Key`. */
  readonly chargedTwice: number;
  /** Micro-credits by which places differ that should say the same. */
  readonly drift: number;
}

const CLIENTS = 16;
const LOAD_MS = 2_500;
const PLENTY = 1_000_000_000_000;
/** Settlements that were under way have ended by then. */
const SETTLING_MS = 2_000;

/** The sums over several crashes. */
export async function crashes(subject: Subject, count: number): Promise<Crash> {
  let sum = await crashUnderLoad(subject);
  for (let done = 1; done < count; done += 1) sum = add(sum, await crashUnderLoad(subject));
  return sum;
}

function add(one: Crash, other: Crash): Crash {
  return {
    answered: one.answered + other.answered,
    answeredUncharged: one.answeredUncharged + other.answeredUncharged,
    streams: one.streams + other.streams,
    streamsUncharged: one.streamsUncharged + other.streamsUncharged,
    cut: one.cut + other.cut,
    cutCharged: one.cutCharged + other.cutCharged,
    cutHeld: one.cutHeld + other.cutHeld,
    cutUnknown: one.cutUnknown + other.cutUnknown,
    chargedTwice: one.chargedTwice + other.chargedTwice,
    drift: one.drift + other.drift,
  };
}

/** Load, SIGKILL in the middle of it, restart, recount; then every client whose request broke asks once more. */
async function crashUnderLoad(subject: Subject): Promise<Crash> {
  const account = await subject.makeAccount(PLENTY);
  const asker = new Asker(subject.port);
  try {
    const stop = new AbortController();
    const load = runLoad(asker, account, stop.signal);
    await sleep(LOAD_MS);
    const crashed = subject.crash();
    const attempts = await load;
    stop.abort();
    await crashed;
    await sleep(SETTLING_MS);
    const before = await subject.books(account);
    const drift = await subject.drift(account, PLENTY);

    const broken = attempts.filter(({ outcome }) => outcome === "cut");
    const repeated = await Promise.all(
      broken.map((attempt) => asker.ask(attempt.kind, attempt.key, attempt.idempotencyKey)),
    );
    await sleep(SETTLING_MS);
    const after = await subject.books(account);
    return { ...recount(attempts, before), chargedTwice: chargedTwice([...attempts, ...repeated], after), drift };
  } finally {
    asker.close();
  }
}

/** Clients that send one request after the other, JSON and SSE in turns, until their connection breaks. */
async function runLoad(asker: Asker, { key }: ReferenceAccount, signal: AbortSignal): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  const client = async (number: number) => {
    for (let turn = number; !signal.aborted; turn += 1) {
      const attempt = await asker.ask(turn % 2 === 0 ? "json" : "stream", key);
      attempts.push(attempt);
      if (attempt.outcome === "cut") return;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
  return attempts;
}

function recount(attempts: readonly Attempt[], { charges, open }: Books) {
  const charged = new Set(charges.map(({ requestId }) => requestId));
  const answered = attempts.filter(({ outcome }) => outcome === "answered");
  const isCharged = ({ requestId }: Attempt) => requestId !== null && charged.has(requestId);
  const json = answered.filter(({ kind }) => kind === "json");
  const streams = answered.filter(({ kind }) => kind === "stream");
  const cut = attempts.filter(({ outcome }) => outcome === "cut").length;
  const cutCharged = charged.size - answered.filter(isCharged).length;
  const streamsUncharged = streams.filter((attempt) => !isCharged(attempt)).length;
  // A stream whose settlement was cut off is still reserved, where anything is.
  const cutHeld = Math.max(0, open - streamsUncharged);
  return {
    answered: json.length,
    answeredUncharged: json.filter((attempt) => !isCharged(attempt)).length,
    streams: streams.length,
    streamsUncharged,
    cut,
    cutCharged,
    cutHeld,
    cutUnknown: Math.max(0, cut - cutCharged - cutHeld),
  };
}

/** Counts keys under which more was charged than one request. */
function chargedTwice(attempts: readonly Attempt[], { charges }: Books): number {
  const byRequest = Map.groupBy(charges, ({ requestId }) => requestId);
  const byKey = Map.groupBy(attempts, ({ idempotencyKey }) => idempotencyKey);
  return [...byKey.values()].filter((sent) => {
    const ids = new Set(sent.flatMap(({ requestId }) => requestId ?? []));
    return [...ids].reduce((sum, id) => sum + (byRequest.get(id)?.length ?? 0), 0) > 1;
  }).length;
}
