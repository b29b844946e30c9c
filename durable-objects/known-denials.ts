import { type DenialFold, type Denials, foldDenial } from "../src/core/denials.ts";
import { deniedLike, isLasting } from "../src/core/lasting-denial.ts";
import type { Demand } from "../src/core/waterfall.ts";
import type { DeniedReply, ReserveReply, ReserveRequest } from "./commands.ts";

/** A denial answers for others for so long after the object was asked. */
const LASTS_MS = 1_000;

/** So many denials of the same within {@link LASTS_MS} are a storm. Nobody who asks now and then meets an old denial. */
const STORM = 20;

const ACCOUNTS_MOST = 200;
const SUBJECTS_MOST = 20;

/** What the object last said to one key about one model. */
interface Subject {
  /** When the latest denials were given, by the object or from here: at most {@link STORM}, oldest first. */
  readonly instants: number[];
  last: Last | null;
}

/** A denial that may answer for others. */
interface Last {
  readonly askedAt: number;
  readonly demand: Demand;
  readonly reply: DeniedReply;
  /** Of the catalog that was current: another one may know a newer plan, and bring it to the account. */
  readonly planVersions: ReserveRequest["caller"]["planVersions"];
}

interface AccountMemory {
  readonly subjects: Map<string, Subject>;
  /** Given from memory, and not told to the object yet. */
  readonly counted: Denials;
}

/**
 * Answers a storm of requests that an account's object has just denied, so that it does not occupy the object: a client
 * that ignores what it is told, or worse. It only ever denies. Each denial stands for at most a second from when the
 * object was asked, for the same claim of the same key, and only for what the object would deny as well; answers from
 * here never prolong it. The next request that reaches the object tells it how many there were.
 *
 * Made once per isolate, and bounded; what it forgets costs a call. Instants are epoch ms.
 */
export class KnownDenials {
  readonly #accounts = new Map<string, AccountMemory>();

  /** The denial that `request` meets as well, counted; `null` where the object has to be asked. */
  answer(accountId: string, request: ReserveRequest, now: number): DeniedReply | null {
    const account = this.#accounts.get(accountId);
    const subject = account?.subjects.get(subjectOf(request));
    if (!account || !subject?.last || !isPlain(request) || !isStorm(subject, now)) return null;
    const { last } = subject;
    if (!isYoung(last, now) || last.planVersions !== request.caller.planVersions) return null;
    const demand = demandOf(request);
    const denial = deniedLike(demand, last.demand, last.reply.denial);
    if (!denial) return null;
    noteInstant(subject, now);
    foldDenial(account.counted, { requestId: request.command.requestId, demand, denial, at: now });
    return { ...last.reply, denial };
  }

  /** The denials that were given from here, for the object. They are handed out once. */
  takeCounts(accountId: string): readonly DenialFold[] {
    const counted = this.#accounts.get(accountId)?.counted;
    if (!counted || counted.size === 0) return [];
    const folds = [...counted.values()];
    counted.clear();
    return folds;
  }

  /** Hears what the object has answered. Anything but a denial ends the storm. */
  note(accountId: string, request: ReserveRequest, reply: ReserveReply, when: { askedAt: number; now: number }): void {
    if (reply.kind !== "denied") {
      this.#accounts.get(accountId)?.subjects.delete(subjectOf(request));
      return;
    }
    if (!isPlain(request)) return;
    const { askedAt, now } = when;
    const subject = this.#subject(accountId, subjectOf(request));
    noteInstant(subject, now);
    if (subject.last && subject.last.askedAt > askedAt) return;
    const { planVersions } = request.caller;
    subject.last = isLasting(reply.denial) ? { askedAt, demand: demandOf(request), reply, planVersions } : null;
  }

  #subject(accountId: string, name: string): Subject {
    const account = this.#accounts.get(accountId) ?? { subjects: new Map(), counted: new Map() };
    keepLatest(this.#accounts, accountId, account, ACCOUNTS_MOST);
    const subject = account.subjects.get(name) ?? { instants: [], last: null };
    keepLatest(account.subjects, name, subject, SUBJECTS_MOST);
    return subject;
  }
}

/** What names earlier ones, or may repeat one that has ended, only the object can answer. */
function isPlain({ references, command }: ReserveRequest): boolean {
  return !command.keyed && references === undefined && command.repeats === undefined;
}

/** The claim is a part of it: only the object knows whether a key is good. */
function subjectOf({ caller: { key }, command: { demand } }: ReserveRequest): string {
  return `${key.id}|${key.digest}|${demand.feature}|${demand.model}`;
}

function demandOf({ caller, command }: ReserveRequest): Demand {
  return { ...command.demand, keyId: caller.key.id };
}

function isStorm({ instants }: Subject, now: number): boolean {
  const [first] = instants;
  return first !== undefined && instants.length === STORM && now - first < LASTS_MS;
}

/** A clock that went back makes nothing young again. */
function isYoung({ askedAt, reply }: Last, now: number): boolean {
  const { resetsAt } = reply.denial;
  return askedAt <= now && now < askedAt + LASTS_MS && (resetsAt === null || now < resetsAt);
}

function noteInstant({ instants }: Subject, now: number): void {
  instants.push(now);
  if (instants.length > STORM) instants.shift();
}

/** Sets a value anew as the latest; beyond `most` the one that was set longest ago is forgotten. */
function keepLatest<Value>(map: Map<string, Value>, name: string, value: Value, most: number): void {
  map.delete(name);
  const [oldest] = map.keys();
  if (map.size >= most && oldest !== undefined) map.delete(oldest);
  map.set(name, value);
}
