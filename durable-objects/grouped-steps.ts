import type { Step, StepOutcome } from "./steps.ts";

/** Whether somebody waits for a step's outcome; if nobody does, whether it goes at once or rests a moment before. */
export type Haste = "awaited" | "at once" | "rests";

/** Takes steps to an account's object in one call; answers the outcomes in their order. */
export type CallWith = (steps: readonly Step[]) => Promise<readonly StepOutcome[]>;

/** A step that no call has taken along yet. */
interface Waiting {
  readonly step: Step;
  readonly haste: Haste;
  told: PromiseWithResolvers<Told>;
  leads: boolean;
}

type Told =
  | { readonly kind: "lead" }
  | { readonly kind: "outcome"; readonly outcome: StepOutcome }
  | { readonly kind: "failed"; readonly error: unknown };

/** Steps for one account that wait: for company, or for the call before them to be back. */
interface Line {
  waiting: Waiting[];
  isCalled: boolean;
}

/** The most that one call takes along. */
const MOST = 50;

/** How long a step rests, so that the answer leaves before the object is set to work: on one machine they share a thread. */
const REST_MS = 1;

/**
 * Whoever leads may be cut off by its runtime, and then tells nobody anything. This is far more than a call takes, and
 * well within the patience of a client.
 */
const PATIENCE_MS = 2_000;

/**
 * Lets steps for one account share calls to its object, for as long as it is busy with an earlier one: the more requests
 * an account has at once, the fewer calls and commits each costs. A step that comes alone goes at once, but for one that
 * rests for a moment: it goes with whatever comes next for the account, before it. None is answered before its call is
 * back, so nothing is less durable than in a call of its own.
 *
 * Made once per isolate. A step's request takes the others along in a call of its own, because a promise of one request's
 * I/O may never settle for another; those who hear nothing for too long go by themselves, which every step permits.
 */
export class GroupedSteps {
  /** Of the accounts with a step that rests, or to whose object a call is under way. */
  readonly #lines = new Map<string, Line>();

  async send(accountId: string, step: Step, call: CallWith, haste: Haste = "awaited"): Promise<StepOutcome> {
    const own: Waiting = { step, haste, told: Promise.withResolvers(), leads: false };
    const line = this.#join(accountId, own);
    if (haste === "rests" && !line.isCalled) await orAfter(REST_MS, own.told.promise);
    if (!line.isCalled && line.waiting.indexOf(own) < MOST) return this.#lead(accountId, line, own, call);
    return this.#hear(accountId, line, own, call);
  }

  /** Takes along at once what nobody waits for of an account's steps, so that whoever asks about it finds it done. */
  async hasten(accountId: string, call: CallWith): Promise<void> {
    const line = this.#lines.get(accountId);
    const unawaited = line?.waiting.filter(({ haste }) => haste !== "awaited") ?? [];
    if (line === undefined || unawaited.length === 0) return;
    line.waiting = line.waiting.filter(({ haste }) => haste === "awaited");
    const leads = !line.isCalled || unawaited.some((one) => one.leads);
    for (let rest = unawaited; rest.length > 0; rest = rest.slice(MOST)) {
      const passesOn = leads && rest.length <= MOST;
      await this.#take(accountId, line, rest.slice(0, MOST), passesOn, call).catch(() => undefined);
    }
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

  /** Waits for what becomes of `own`, which some other step's call takes along, or which leads one in its turn. */
  async #hear(accountId: string, line: Line, own: Waiting, call: CallWith): Promise<StepOutcome> {
    const told = await orAfter(PATIENCE_MS, own.told.promise);
    switch (told?.kind) {
      case "lead":
        // Whoever was in haste may have taken it along meanwhile.
        return line.waiting.includes(own)
          ? this.#lead(accountId, line, own, call)
          : this.#hear(accountId, line, own, call);
      case "outcome":
        return told.outcome;
      case "failed":
        throw told.error;
      case undefined:
        this.#leave(accountId, line, own);
        return only(await call([own.step]));
    }
  }

  /** The call that takes `own` along, with all that waits. */
  async #lead(accountId: string, line: Line, own: Waiting, call: CallWith): Promise<StepOutcome> {
    const outcomes = await this.#take(accountId, line, line.waiting.splice(0, MOST), true, call);
    const outcome = outcomes.get(own);
    if (!outcome) throw new Error("whoever leads is among those who are taken along");
    return outcome;
  }

  /** Takes `group` along; `passesOn` lets the next of the line go on afterwards. */
  async #take(
    accountId: string,
    line: Line,
    group: readonly Waiting[],
    passesOn: boolean,
    call: CallWith,
  ): Promise<ReadonlyMap<Waiting, StepOutcome>> {
    line.isCalled = true;
    try {
      const answers = await call(group.map(({ step }) => step));
      const outcomes = new Map(group.map((one, index) => [one, at(answers, index)]));
      for (const [{ told }, outcome] of outcomes) told.resolve({ kind: "outcome", outcome });
      return outcomes;
    } catch (error) {
      for (const { told } of group) told.resolve({ kind: "failed", error });
      throw error;
    } finally {
      if (passesOn) this.#passOn(accountId, line);
    }
  }

  /** The next of the line takes it over. */
  #passOn(accountId: string, line: Line): void {
    const [next] = line.waiting;
    if (next) {
      const { told } = next;
      next.leads = true;
      next.told = Promise.withResolvers();
      told.resolve({ kind: "lead" });
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
