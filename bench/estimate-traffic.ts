import type { Rate } from "../src/core/rate-card.ts";
import { NO_USAGE, type Usage } from "../src/core/usage.ts";

/*
 * A generated month of what coding agents send: prompts of 40 to 250 KB that grow over a thread and are read from a
 * cache for the most part, no bound on the output, chains of calls with tools between them, sub-agents beside the main
 * chain, a title for each thread, a compaction when the context is full.
 */

/** A call with what it will really use; who decides knows only `bound`. */
export interface Call {
  readonly id: string;
  /** Epoch ms. */
  readonly at: number;
  readonly endsAt: number;
  readonly model: string;
  readonly bound: Usage;
  readonly final: Usage;
}

export interface Habits {
  readonly threadsPerDay: number;
  /** Models with their weights. */
  readonly models: Readonly<Record<string, number>>;
}

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;
const KB = 1_024;
const BYTES_PER_TOKEN = 4;
const FULL_PROMPT = 250 * KB;
const TITLE_MODEL = "gpt-6-luna";
/** Instructions and tools, the same for every thread. */
const COMMON_TOKENS = 8_000;
const OUTPUT_PER_SECOND = 80;

/** Random numbers that a seed decides. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to and without 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  whole(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1));
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  logNormal(median: number, sigma: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
    return median * Math.exp(sigma * normal);
  }

  oneOf(weights: Readonly<Record<string, number>>): string {
    const entries = Object.entries(weights);
    let left = this.next() * entries.reduce((total, [, weight]) => total + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    return entries.at(-1)?.[0] ?? "";
  }
}

/** One context with its prompt, which every answer and every tool makes longer. */
interface Chain {
  readonly model: string;
  at: number;
  promptBytes: number;
  /** Input tokens of the call before, which the cache still holds. */
  cachedTokens: number;
}

/** The calls of one account from `start` on for 30 days, in the order in which they come. */
export function monthOf(habits: Habits, start: number, seed: number, rateOf: (model: string) => Rate): Call[] {
  const month = new Month(new Dice(seed), rateOf);
  for (let day = 0; day < 30; day += 1) {
    const morning = start + day * DAY + 8 * HOUR;
    const isWeekend = [0, 6].includes(new Date(morning).getUTCDay());
    const threads = isWeekend ? Math.round(habits.threadsPerDay / 4) : habits.threadsPerDay;
    for (let thread = 0; thread < threads; thread += 1) month.thread(habits, morning);
  }
  return month.calls.sort((a, b) => a.at - b.at);
}

class Month {
  readonly calls: Call[] = [];
  readonly #dice: Dice;
  readonly #rateOf: (model: string) => Rate;

  constructor(dice: Dice, rateOf: (model: string) => Rate) {
    this.#dice = dice;
    this.#rateOf = rateOf;
  }

  thread(habits: Habits, morning: number): void {
    const dice = this.#dice;
    const model = dice.oneOf(habits.models);
    const main = this.#open(model, morning + dice.between(0, 10 * HOUR));
    this.#call({ ...main, model: TITLE_MODEL }, Math.max(5, Math.round(dice.logNormal(25, 0.4))));
    const turns = dice.whole(1, 7);
    for (let turn = 0; turn < turns; turn += 1) {
      const helpers = dice.chance(0.3) ? dice.whole(1, 3) : 0;
      for (let helper = 0; helper < helpers; helper += 1) this.#chain(this.#open(model, main.at), dice.whole(2, 8));
      this.#chain(main, dice.whole(2, 14));
      main.at += dice.logNormal(90, 0.8) * SECOND;
    }
  }

  #open(model: string, at: number): Chain {
    const cachedTokens = this.#dice.chance(0.8) ? COMMON_TOKENS : 0;
    return { model, at, promptBytes: this.#dice.between(40, 60) * KB, cachedTokens };
  }

  /** Calls one after the other, with a tool between each two of them. */
  #chain(chain: Chain, calls: number): void {
    for (let index = 0; index < calls; index += 1) {
      if (chain.promptBytes > FULL_PROMPT) {
        this.#call(chain, Math.round(this.#dice.logNormal(1_500, 0.4)));
        chain.promptBytes = this.#dice.between(50, 70) * KB;
        chain.cachedTokens = COMMON_TOKENS;
      }
      const output = this.#output();
      this.#call(chain, output);
      chain.promptBytes += output * BYTES_PER_TOKEN + this.#dice.logNormal(3 * KB, 1.2);
      chain.at += this.#dice.logNormal(3, 1) * SECOND;
    }
  }

  /** Half of the answers have fewer than 400 tokens; a whole file or a long thought comes once in 300. */
  #output(): number {
    const dice = this.#dice;
    return Math.round(
      dice.chance(1 / 300) ? dice.between(20_000, 60_000) : Math.min(20_000, Math.max(10, dice.logNormal(400, 1.2))),
    );
  }

  #call(chain: Chain, outputTokens: number): void {
    const dice = this.#dice;
    const { model, at } = chain;
    const rate = this.#rateOf(model);
    const inputTokens = Math.round(Math.min(chain.promptBytes, FULL_PROMPT) / BYTES_PER_TOKEN);
    const hit = dice.chance(0.93) ? Math.min(chain.cachedTokens, inputTokens) : 0;
    const writesAreDearer = rate.tokens !== null && rate.tokens.cacheWrite > rate.tokens.input;
    const searches = model.startsWith("gpt-5");
    const made = searches && dice.chance(0.02) ? dice.whole(1, 3) : 0;
    const final: Usage = {
      ...NO_USAGE,
      inputTokens,
      cachedInputTokens: hit,
      cacheWriteTokens: writesAreDearer ? inputTokens - hit : 0,
      outputTokens,
      calls: made > 0 ? { web_search: made } : {},
    };
    // The gateway cannot count as upstream does: it is between 1.1 and 1.5 times above.
    const most = Math.ceil(inputTokens * dice.between(1.1, 1.5));
    const bound: Usage = {
      ...NO_USAGE,
      inputTokens: most,
      cacheWriteTokens: writesAreDearer ? most : 0,
      outputTokens: rate.maxOutputTokens,
      calls: searches ? { web_search: 1 } : {},
    };
    chain.at += 1.5 * SECOND + (outputTokens / OUTPUT_PER_SECOND) * SECOND;
    chain.cachedTokens = inputTokens;
    const id = `req_${this.calls.length.toString(16).padStart(32, "0")}`;
    this.calls.push({ id, at: Math.round(at), endsAt: Math.round(chain.at), model, bound, final });
  }
}
