import type { FaultDice } from "./faults.ts";
import { Random } from "./random.ts";
import type { RareState } from "./rare-states.ts";

/** A promise that was broken. */
export interface Violation {
  readonly rule: string;
  readonly message: string;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

const nextTurn = setImmediate;

/**
 * Virtual time. Everything that happens is an event at an instant; between two events all promises settle, and no real
 * clock or timer has any influence. A run is a function of its seed.
 */
export class World {
  /** Epoch ms. */
  now: number;
  readonly random: Random;
  readonly faults: FaultDice;
  readonly reached = new Map<RareState, number>();
  readonly story: string[] = [];
  violation: Violation | null = null;
  readonly #begun: number;
  readonly #heap: Event[] = [];
  #order = 0;

  constructor(seed: string, begin: number, faults: FaultDice) {
    this.now = begin;
    this.#begun = begin;
    this.random = new Random(`${seed}/world`);
    this.faults = faults;
  }

  at(at: number, run: () => void): void {
    const event = { at: Math.max(Math.ceil(at), this.now), order: this.#order, run };
    this.#order += 1;
    push(this.#heap, event);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(this.now + ms, resolve));
  }

  /** Starts something that goes on by itself. What it throws is a broken promise of the simulation or of the code. */
  spawn(work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      this.violate("nothing fails unexpectedly", error instanceof Error ? (error.stack ?? error.message) : `${error}`);
    });
  }

  async runUntil(end: number): Promise<void> {
    while (this.violation === null) {
      const [first] = this.#heap;
      if (!first || first.at > end) break;
      pop(this.#heap);
      this.now = first.at;
      first.run();
      await new Promise((resolve) => nextTurn(resolve));
    }
    this.now = Math.max(this.now, end);
  }

  /** Nobody does anything for so long; what was to happen meanwhile happens after it. */
  leap(ms: number): void {
    this.now += ms;
    for (const [place, event] of this.#heap.entries()) this.#heap[place] = { ...event, at: event.at + ms };
    this.tell("a long time has passed");
  }

  /** Records what happened, for the story of a failure. */
  tell(what: string): void {
    this.story.push(`${((this.now - this.#begun) / 1_000).toFixed(3).padStart(10)}  ${what}`);
  }

  reach(state: RareState): void {
    this.reached.set(state, (this.reached.get(state) ?? 0) + 1);
  }

  /** The first broken promise ends the run. */
  violate(rule: string, message: string): void {
    if (this.violation) return;
    this.violation = { rule, message };
    this.tell(`BROKEN: ${rule}: ${message}`);
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Event[], event: Event): void {
  let place = heap.length;
  heap.push(event);
  while (place > 0) {
    const up = (place - 1) >> 1;
    const parent = heap[up];
    if (!parent || !before(event, parent)) break;
    heap[place] = parent;
    place = up;
  }
  heap[place] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let place = 0;
  for (;;) {
    let down = 2 * place + 1;
    const [left, right] = [heap[down], heap[down + 1]];
    if (left && right && before(right, left)) down += 1;
    const child = heap[down];
    if (!child || !before(child, last)) break;
    heap[place] = child;
    place = down;
  }
  heap[place] = last;
}
