import type { RerateReply } from "../../durable-objects/commands.ts";
import type { RateLookup } from "../../src/core/audit.ts";
import type { BalanceUpdateKind, ChainedEntry, UsageEvent } from "../../src/core/event.ts";
import { correctionId, type RerateCommand } from "../../src/core/rerate.ts";
import { attemptKey, priceOf } from "./attempt.ts";
import { noteCorrection, noteLate } from "./sightings.ts";
import type { World } from "./world.ts";

/** What one attempt of a request has come to so far, by all that its journal says. */
export interface CameTo {
  readonly attempt: string;
  /** When its end was written, by the object's clock. */
  readonly at: number;
  readonly end: UsageEvent;
  late: UsageEvent | null;
  /** When that was written. */
  lateAt: number | null;
  /** Its price as it stands … */
  price: number;
  /** … and the version of the card that it was last set by. */
  version: number;
  included: number;
  paid: number;
  givenBack: number;
  /** What each grant paid and did not get back. */
  readonly payers: Map<string, number>;
  corrections: number;
  refunds: number;
  refunded: number;
  entries: number;
}

/**
 * Prices of the past, as the journals have them. Whoever corrects one reads a ledger that may lag behind; the journal
 * does not, and by it every correction makes the price right.
 */
export class CorrectionBook {
  readonly #world: World;
  readonly #rateOf: RateLookup;
  readonly #attempts = new Map<string, CameTo>();
  /** What was posted, signed, also nothing, by account and id of the correction. */
  readonly #posted = new Map<string, number>();

  constructor(world: World, rateOf: RateLookup) {
    this.#world = world;
    this.#rateOf = rateOf;
  }

  /** The attempts of an account of which `is` is true, oldest first. */
  attempts(accountId: string, is: (cameTo: CameTo) => boolean): CameTo[] {
    return [...this.#attempts].flatMap(([key, known]) => (key.startsWith(`${accountId} `) && is(known) ? [known] : []));
  }

  /** How many entries the journal has about an attempt. */
  entriesOf(attempt: string): number {
    return this.#attempts.get(attempt)?.entries ?? 0;
  }

  posted(accountId: string, correctionId: string): number | undefined {
    return this.#posted.get(`${accountId} ${correctionId}`);
  }

  /** What an attempt has come to; `undefined` when it has not ended. */
  cameTo(attempt: string): Readonly<CameTo> | undefined {
    return this.#attempts.get(attempt);
  }

  /** The object's own answer: a correction that posts nothing is in no journal, and still sets the price. */
  answered(accountId: string, { charged: { usage }, quote }: RerateCommand, reply: RerateReply): void {
    if (reply.kind !== "rerated" || reply.repeated) return;
    const id = `${accountId} ${correctionId(usage.id, quote)}`;
    if (this.#posted.has(id)) this.#world.violate("the same correction is made once", id);
    if (reply.difference !== 0) return;
    this.#posted.set(id, 0);
    const known = this.#attempts.get(attemptKey(accountId, usage.requestId, usage.attempt));
    if (known) known.version = quote.cardVersion;
  }

  /** What a correction to `version` must post now, signed; 0: nothing. */
  due(attempt: string, version: number): number {
    const known = this.#attempts.get(attempt);
    if (!known) throw new Error(`${attempt} was not charged`);
    const { end, late, price, included, paid, givenBack } = known;
    const right = Math.max(...[end, ...(late ? [late] : [])].map((event) => this.#priceAt(event, version)));
    if (right > price) return right - price;
    return right === price ? 0 : Math.min(0, Math.max(0, right - included) - (paid - givenBack));
  }

  entered(entry: ChainedEntry): void {
    const { accountId, usage, updates } = entry;
    if (usage) {
      const attempt = attemptKey(accountId, usage.requestId, usage.attempt);
      if (usage.outcome === "corrected") this.#corrected(entry, attempt, usage);
      else if (usage.outcome === "late") this.#endedLate(entry, attempt, usage);
      else this.#ended(attempt, usage, entry.at);
      this.#book(entry, attempt);
      return;
    }
    const cause = updates.find(({ cause }) => cause.startsWith("mon_"))?.cause;
    if (cause !== undefined) this.#refunded(entry, `${accountId} ${cause.replace(/^mon_/, "req_")}`);
  }

  #ended(attempt: string, usage: UsageEvent, at: number): void {
    const nothing = {
      late: null,
      lateAt: null,
      price: 0,
      included: 0,
      paid: 0,
      givenBack: 0,
      corrections: 0,
      refunds: 0,
      refunded: 0,
      entries: 0,
    };
    const { version } = usage.decision.rateCard;
    this.#attempts.set(attempt, { ...nothing, attempt, at, end: usage, version, payers: new Map() });
  }

  /** What comes late costs what the price that stands makes of it, beyond what its request has come to. */
  #endedLate({ at, monetization }: ChainedEntry, attempt: string, usage: UsageEvent): void {
    const known = this.#attempts.get(attempt);
    if (!known) throw new Error(`${attempt} ended late and never before`);
    const right = this.#priceAt(usage, known.version);
    const due = Math.max(0, right - known.price);
    const { amount = 0, cardVersion } = monetization ?? {};
    if (amount !== due || cardVersion !== known.version) {
      const found = `${amount} at version ${cardVersion}`;
      this.#world.violate("what comes late costs the price that stands", `${attempt}: ${found}, due is ${due}`);
    }
    known.late = usage;
    known.lateAt = at;
    noteLate(this.#world, known);
  }

  #corrected(entry: ChainedEntry, attempt: string, usage: UsageEvent): void {
    const { version } = usage.decision.rateCard;
    const posted = (entry.monetization?.amount ?? 0) - amountOf(entry, "refund", "grant");
    const due = this.due(attempt, version);
    if (posted !== due || posted === 0) {
      this.#world.violate("a correction makes the price right", `${attempt} to ${version}: ${posted}, due is ${due}`);
    }
    this.#posted.set(`${entry.accountId} ${usage.id}`, posted);
    const known = this.#attempts.get(attempt);
    if (!known) return;
    noteCorrection(this.#world, known, entry);
    known.corrections += 1;
    known.version = version;
    known.price += Math.min(0, posted);
  }

  #refunded(entry: ChainedEntry, attempt: string): void {
    const known = this.#attempts.get(attempt);
    if (!known) return;
    if (known.corrections > 0) this.#world.reach("refund after a correction");
    known.refunds += 1;
    known.refunded += amountOf(entry, "refund", "grant");
    this.#book(entry, attempt);
  }

  #book(entry: ChainedEntry, attempt: string): void {
    const known = this.#attempts.get(attempt);
    if (!known) return;
    known.entries += 1;
    known.price += entry.monetization?.amount ?? 0;
    known.included += amountOf(entry, "allowance");
    known.paid += amountOf(entry, "debit");
    known.givenBack += amountOf(entry, "refund", "grant");
    for (const { kind, source, amount } of entry.updates) {
      if (source === null || (kind !== "debit" && kind !== "refund")) continue;
      const left = (known.payers.get(source) ?? 0) + (kind === "debit" ? amount : -amount);
      known.payers.set(source, left);
      if (left < 0) this.#world.violate("no grant gets back what it has not paid", `${attempt}: ${source}, ${left}`);
    }
    const { price, paid, givenBack } = known;
    if (price < 0) this.#world.violate("no price is below nothing", `${attempt}: ${price}`);
    if (givenBack > paid) {
      this.#world.violate("no more is given back than was paid", `${attempt}: ${givenBack} of ${paid}`);
    }
  }

  /** What the gateway counted itself is never charged beyond what was reserved. */
  #priceAt({ usage, model, estimated, decision }: UsageEvent, version: number): number {
    const rate = this.#rateOf(decision.rateCard.id, version, model);
    if (!rate) throw new Error(`no version ${version}`);
    const priced = priceOf(rate, usage);
    return estimated ? Math.min(priced, decision.reserved) : priced;
  }
}

function amountOf({ updates }: ChainedEntry, ...kinds: BalanceUpdateKind[]): number {
  return updates.filter(({ kind }) => kinds.includes(kind)).reduce((sum, { amount }) => sum + amount, 0);
}
