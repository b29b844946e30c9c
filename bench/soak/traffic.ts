import { setTimeout as sleep } from "node:timers/promises";
import { grant, refund, rollKey } from "./acts.ts";
import type { Place } from "./requests.ts";
import type { Customer } from "./service.ts";
import { conversation } from "./sockets.ts";
import { background, denial, fault, hangUp, look, oneOf, plain, repetition, video } from "./stories.ts";

/** More than so many at once would be a queue of clients, not a load. */
const MOST_AT_ONCE = 150;

interface Story {
  /** Its share, in parts of all. */
  readonly weight: number;
  readonly tell: (place: Place, customer: Customer) => Promise<unknown>;
}

const STORIES: readonly Story[] = [
  { weight: 24, tell: (place, customer) => plain(place, customer, "json") },
  { weight: 20, tell: (place, customer) => plain(place, customer, "sse") },
  { weight: 8, tell: (place, customer) => plain(place, customer, "chat") },
  { weight: 8, tell: (place, customer) => plain(place, customer, "chat-sse") },
  { weight: 5, tell: conversation },
  { weight: 4, tell: background },
  { weight: 3, tell: video },
  { weight: 6, tell: hangUp },
  { weight: 6, tell: fault },
  { weight: 4, tell: denial },
  { weight: 3, tell: repetition },
  { weight: 3, tell: (place, { key }) => look(place, key, "/api/account") },
  { weight: 2, tell: (place, { key }) => look(place, key, "/api/ledger?limit=20") },
  { weight: 2, tell: grant },
  { weight: 1, tell: refund },
  { weight: 1, tell: rollKey },
];
const ALL = STORIES.reduce((sum, { weight }) => sum + weight, 0);

/** A load of mixed stories at a bounded rate. */
export class Traffic {
  readonly #place: Place;
  readonly #running = new Set<Promise<unknown>>();
  begun = 0;
  /** Stories that did not begin because too many were under way. */
  withheld = 0;

  constructor(place: Place) {
    this.#place = place;
  }

  get running(): number {
    return this.#running.size;
  }

  /** Begins `rate` stories a second until `signal` says otherwise; those under way go on. */
  async run(rate: number, signal: AbortSignal): Promise<void> {
    const startedAt = Date.now();
    for (let due = 0; !signal.aborted; due += 1) {
      const pauseMs = startedAt + (due * 1_000) / rate - Date.now();
      if (pauseMs > 0) await sleep(pauseMs);
      if (this.#running.size < MOST_AT_ONCE) this.#begin();
      else this.withheld += 1;
    }
  }

  #begin(): void {
    this.begun += 1;
    const { service, book } = this.#place;
    const startedAt = Date.now();
    const running: Promise<unknown> = chosen()
      .tell(this.#place, oneOf(service.customers))
      .catch((error: unknown) => book.trouble(startedAt, `a client broke down: ${String(error)}`))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Waits until every story has ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }
}

function chosen(): Story {
  let left = Math.random() * ALL;
  for (const story of STORIES) {
    left -= story.weight;
    if (left < 0) return story;
  }
  return oneOf(STORIES);
}
