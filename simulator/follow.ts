import { wait } from "./clock.ts";
import { type Beat, events, interrupt } from "./frames.ts";
import type { Scenario } from "./scenario.ts";
import type { StoredResponse } from "./stored-response.ts";

const LOOK_MS = 10;

/**
 * The events of a response after the number `after`: those that have happened at once, the others when they happen.
 * What interrupts the reading does not interrupt the response.
 */
export async function* follow(
  response: StoredResponse,
  after: number,
  { interruption }: Scenario,
  signal: AbortSignal,
): AsyncGenerator<Beat> {
  const last = interruption === null ? Number.POSITIVE_INFINITY : response.opening + interruption.after;
  for (let next = after + 1; ; ) {
    const isOver = response.isOver();
    const happened = Math.min(response.happened(), last);
    if (happened > next) {
      yield events(response.events(next, happened));
      next = happened;
    }
    if (interruption !== null && (isOver || next >= last)) return interrupt(interruption, signal);
    if (isOver) return;
    await wait(LOOK_MS, signal);
  }
}
