import { setTimeout as sleep } from "node:timers/promises";
import { USAGE } from "../answers.ts";
import type { Kind } from "../load.ts";
import { Asker } from "./attempts.ts";
import { priceOf } from "./server/price.ts";
import type { Subject } from "./subject.ts";

/** What came of many requests at once on credits for few. */
export interface Race {
  readonly atOnce: number;
  /** One at a time afterwards, until one is refused. */
  readonly afterwards: number;
  /** Answers that the credits do not pay. */
  readonly tooMany: number;
  readonly charged: number;
  /** Micro-credits. */
  readonly balance: number;
}

export const CREDITS_FOR = 100;
export const AT_ONCE = 1_000;
/** Settlements and copies have arrived by then. */
const SETTLING_MS = 1_000;

/** A thousand requests at once of an account that has credits for a hundred. */
export async function race(subject: Subject, kind: Kind): Promise<Race> {
  const account = await subject.makeAccount(CREDITS_FOR * priceOf(USAGE));
  const asker = new Asker(subject.port);
  try {
    const attempts = await Promise.all(Array.from({ length: AT_ONCE }, () => asker.ask(kind, account.key)));
    if (attempts.some(({ outcome }) => outcome === "cut")) throw new Error(`${subject.name} broke connections off`);
    const atOnce = attempts.filter(({ outcome }) => outcome === "answered").length;
    await sleep(SETTLING_MS);
    let afterwards = 0;
    while (afterwards < AT_ONCE && (await asker.ask(kind, account.key)).outcome === "answered") {
      afterwards += 1;
      // The copy of the balance follows a stream's end.
      if (kind === "stream") await sleep(50);
    }
    await sleep(SETTLING_MS);
    const { charges, balance } = await subject.books(account);
    const tooMany = Math.max(0, atOnce + afterwards - CREDITS_FOR);
    return { atOnce, afterwards, tooMany, charged: charges.length, balance };
  } finally {
    asker.close();
  }
}
