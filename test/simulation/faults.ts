import { Random } from "./random.ts";

/**
 * Everything that can go wrong, with the largest probability per opportunity. Each seed has a random part of them at a
 * random strength: a run in which everything fails at once reaches less than one in which a few things fail often.
 */
const FAULTS = {
  "request to the object lost": 0.1,
  "reply of the object lost": 0.12,
  "object overloaded": 0.03,
  "command delivered again, late": 0.25,
  "object crashes before a command": 0.06,
  "object crashes inside a transaction": 0.06,
  "object crashes between commit and reply": 0.08,
  "storage refuses a write": 0.04,
  "alarm late": 0.4,
  "alarm lost": 0.35,
  "object crashes while its alarm sends": 0.1,
  "queue refuses": 0.15,
  "queue takes the messages and then refuses": 0.12,
  "queue does not answer": 0.08,
  "queue loses a message before delivery": 0.3,
  "queue duplicates": 0.3,
  "queue delays by minutes": 0.2,
  "queue reorders": 1,
  "message lost after delivery": 0.12,
  "consumer dies before the commit": 0.15,
  "consumer dies between commit and confirmation": 0.15,
  "consumer dies after the confirmation": 0.15,
  "D1 fails before the commit": 0.2,
  "D1 commits and reports an error": 0.2,
  "D1 out for minutes": 1,
  "Worker dies after reserving": 0.1,
  "Worker dies before settling": 0.1,
  "clock jumps": 1,
  "poison on the queue": 1,
  "sweeper slow": 1,
  "answer lost on its way to the client": 0.3,
  "Worker dies while it takes steps of others along": 0.3,
  "object restored to an earlier moment, or lost": 1,
  "Worker dies with entries that it was to flush": 0.4,
} as const;

export type Fault = keyof typeof FAULTS;
export const ALL_FAULTS = Object.keys(FAULTS) as Fault[];

/** Decides when a fault strikes. Each fault has a stream of its own, so taking one away does not move the others. */
export class FaultDice {
  readonly struck = new Map<Fault, number>();
  readonly #strength = new Map<Fault, number>();
  readonly #streams = new Map<Fault, Random>();
  #calm = false;

  constructor(seed: string, without: ReadonlySet<Fault> = new Set()) {
    const random = new Random(`${seed}/faults`);
    // Some seeds are calm, most have about half of the faults.
    const share = random.pick([0.15, 0.4, 0.5, 0.65]);
    for (const fault of ALL_FAULTS) {
      const enabled = random.chance(share);
      const strength = FAULTS[fault] * random.pick([0.15, 0.4, 1]);
      this.#streams.set(fault, random.fork(fault));
      if (enabled && !without.has(fault)) this.#strength.set(fault, FAULTS[fault] === 1 ? 1 : strength);
    }
  }

  enabled(): Fault[] {
    return [...this.#strength.keys()];
  }

  has(fault: Fault): boolean {
    return !this.#calm && this.#strength.has(fault);
  }

  strikes(fault: Fault): boolean {
    const strength = this.#strength.get(fault);
    const stream = this.#streams.get(fault);
    if (strength === undefined || stream === undefined || !stream.chance(strength) || this.#calm) return false;
    this.note(fault);
    return true;
  }

  /** Counts a fault that the workload brings about by itself. */
  note(fault: Fault): void {
    this.struck.set(fault, (this.struck.get(fault) ?? 0) + 1);
  }

  /** From now on nothing goes wrong. */
  calm(): void {
    this.#calm = true;
  }
}
