import type { Step, StepOutcome } from "./steps.ts";

/** Takes steps to an account's object in one call; answers the outcomes in their order. */
export type CallWith = (steps: readonly Step[]) => Promise<readonly StepOutcome[]>;

/** A step that waits until the call before it is back. */
interface Waiting {
  readonly step: Step;
  readonly told: PromiseWithResolvers<Told>;
  leads: boolean;
}

type Told =
  | { readonly kind: "lead" }
  | { readonly kind: "outcome"; readonly outcome: StepOutcome }
  | { readonly kind: "failed"; readonly error: unknown };

/** Steps that came while a call to the same object was under way. */
type Line = Waiting[];

/** The most that one call takes along. */
const MOST = 50;

/**
 * Whoever leads may be cut off by its runtime, and then tells nobody anything. This is far more than a call takes, and
 * well within the patience of a client.
 */
const PATIENCE_MS = 2_000;

/**
 * Lets steps for one account share calls to its object, for as long as it is busy with an earlier one: the more requests
 * an account has at once, the fewer calls and commits each costs. A step that comes alone goes at once, and none is
 * answered before its call is back, so nothing is less durable than in a call of its own.
 *
 * Made once per isolate. A step's request takes the others along in a call of its own, because a promise of one request's
 * I/O may never settle for another; those who hear nothing for too long go by themselves, which every step permits.
 */
export class GroupedSteps {
  /** Of the accounts to whose object a call is under way. */
  readonly #lines = new Map<string, Line>();

  async send(accountId: string, step: Step, call: CallWith): Promise<StepOutcome> {
    const own: Waiting = { step, told: Promise.withResolvers(), leads: false };
    const line = this.#lines.get(accountId);
    if (!line) {
      const begun: Line = [own];
      this.#lines.set(accountId, begun);
      return this.#lead(accountId, begun, own, call);
    }
    line.push(own);
    const told = await orAfter(PATIENCE_MS, own.told.promise);
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

  async #lead(accountId: string, line: Line, own: Waiting, call: CallWith): Promise<StepOutcome> {
    const group = line.splice(0, MOST);
    try {
      const outcomes = await call(group.map(({ step }) => step));
      for (const [index, { told }] of group.entries()) told.resolve({ kind: "outcome", outcome: at(outcomes, index) });
      return at(outcomes, group.indexOf(own));
    } catch (error) {
      for (const { told } of group) told.resolve({ kind: "failed", error });
      throw error;
    } finally {
      this.#passOn(accountId, line);
    }
  }

  /** The next of the line takes it over. */
  #passOn(accountId: string, line: Line): void {
    const [next] = line;
    if (next) {
      next.leads = true;
      next.told.resolve({ kind: "lead" });
    } else if (this.#lines.get(accountId) === line) {
      this.#lines.delete(accountId);
    }
  }

  /** Nobody has told `own` anything. New steps do not wait behind whoever is silent. */
  #leave(accountId: string, line: Line, own: Waiting): void {
    const index = line.indexOf(own);
    if (index >= 0) line.splice(index, 1);
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
