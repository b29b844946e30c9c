import type { Step, StepOutcome } from "./steps.ts";

/** Whether somebody waits for a step, or it may rest a moment for company. */
export type Haste = "at once" | "rests";

/** Takes steps to an account's object in one call; answers the outcomes in their order. */
export type CallWith = (steps: readonly Step[]) => Promise<readonly StepOutcome[]>;

/** A step that no call has taken along yet. */
interface Waiting {
  readonly step: Step;
  readonly told: PromiseWithResolvers<Told>;
  leads: boolean;
}

type Told =
  | { readonly kind: "lead" }
  | { readonly kind: "outcome"; readonly outcome: StepOutcome }
  | { readonly kind: "failed"; readonly error: unknown };

/** Steps for one account that wait: for company, or for the call before them to be back. */
interface Line {
  readonly waiting: Waiting[];
  isCalled: boolean;
}

/** The most that one call takes along. */
const MOST = 50;

/**
 * How long a step rests that nobody waits for, so that the answer leaves before the object is set to work: on one machine
 * they share a thread.
 */
const REST_MS = 1;

/**
 * Whoever leads may be cut off by its runtime, and then tells nobody anything. This is far more than a call takes, and
 * well within the patience of a client.
 */
const PATIENCE_MS = 2_000;

/**
 * Lets steps for one account share calls to its object, for as long as it is busy with an earlier one: the more requests
 * an account has at once, the fewer calls and commits each costs. A step that comes alone goes at once, but for one that
 * nobody waits for: it rests for a moment, and goes with whatever comes next for the account, before it. None is answered
 * before its call is back, so nothing is less durable than in a call of its own.
 *
 * Made once per isolate. A step's request takes the others along in a call of its own, because a promise of one request's
 * I/O may never settle for another; those who hear nothing for too long go by themselves, which every step permits.
 */
export class GroupedSteps {
  /** Of the accounts with a step that rests, or to whose object a call is under way. */
  readonly #lines = new Map<string, Line>();

  async send(accountId: string, step: Step, call: CallWith, haste: Haste = "at once"): Promise<StepOutcome> {
    const own: Waiting = { step, told: Promise.withResolvers(), leads: false };
    const line = this.#join(accountId, own);
    let told: Told | null = null;
    if (haste === "rests" && !line.isCalled) told = await orAfter(REST_MS, own.told.promise);
    if (told === null && !line.isCalled && line.waiting.indexOf(own) < MOST)
      return this.#lead(accountId, line, own, call);
    told ??= await orAfter(PATIENCE_MS, own.told.promise);
    switch (told?.kind) {
      case "lead":
        return this.#lead(accountId, line, own, call);
      case "outcome":
        return told.outcome;
      case "failed":
        throw told.error;
      case undefined:
        this.#leave(accountId, line, own);
        return only(await call([step]));
    }
  }

  /** Takes along at once what rests for an account, so that whoever asks about it finds it done. */
  async hasten(accountId: string, call: CallWith): Promise<void> {
    const line = this.#lines.get(accountId);
    if (line && !line.isCalled) await this.#take(accountId, line, call).catch(() => undefined);
  }

  #join(accountId: string, own: Waiting): Line {
    const known = this.#lines.get(accountId);
    if (known) {
      known.waiting.push(own);
      return known;
    }
    const begun: Line = { waiting: [own], isCalled: false };
    this.#lines.set(accountId, begun);
    return begun;
  }

  /** The call that takes `own` along, with all that waits. */
  async #lead(accountId: string, line: Line, own: Waiting, call: CallWith): Promise<StepOutcome> {
    const outcomes = await this.#take(accountId, line, call);
    const outcome = outcomes.get(own);
    if (!outcome) throw new Error("whoever leads is among those who are taken along");
    return outcome;
  }

  async #take(accountId: string, line: Line, call: CallWith): Promise<ReadonlyMap<Waiting, StepOutcome>> {
    line.isCalled = true;
    const group = line.waiting.splice(0, MOST);
    try {
      const answers = await call(group.map(({ step }) => step));
      const outcomes = new Map(group.map((one, index) => [one, at(answers, index)]));
      for (const [{ told }, outcome] of outcomes) told.resolve({ kind: "outcome", outcome });
      return outcomes;
    } catch (error) {
      for (const { told } of group) told.resolve({ kind: "failed", error });
      throw error;
    } finally {
      this.#passOn(accountId, line);
    }
  }

  /** The next of the line takes it over. */
  #passOn(accountId: string, line: Line): void {
    const [next] = line.waiting;
    if (next) {
      next.leads = true;
      next.told.resolve({ kind: "lead" });
    } else if (this.#lines.get(accountId) === line) {
      this.#lines.delete(accountId);
    }
  }

  /** Nobody has told `own` anything. New steps do not wait behind whoever is silent. */
  #leave(accountId: string, line: Line, own: Waiting): void {
    const index = line.waiting.indexOf(own);
    if (index >= 0) line.waiting.splice(index, 1);
    if (own.leads) this.#passOn(accountId, line);
    else if (this.#lines.get(accountId) === line) this.#lines.delete(accountId);
  }
}

function only(outcomes: readonly StepOutcome[]): StepOutcome {
  return at(outcomes, 0);
}

function at(outcomes: readonly StepOutcome[], index: number): StepOutcome {
  const outcome = outcomes[index];
  if (!outcome) throw new Error("the object has not answered every step");
  return outcome;
}

/** What `promise` comes to, or `null` when that takes longer than `ms`. */
async function orAfter<Value>(ms: number, promise: Promise<Value>): Promise<Value | null> {
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
