import { type AccountClient, AccountUnreachable } from "../../durable-objects/client.ts";
import type { Rate } from "../../src/core/rate-card.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import { NO_USAGE, type Usage } from "../../src/core/usage.ts";
import { reopenLedger } from "../../src/ledger/reopening.ts";
import { priceOf } from "./attempt.ts";
import type { Cast } from "./cast.ts";
import { Invocation } from "./invocation.ts";
import { clientFor, hostOf } from "./network.ts";
import type { StorageCopy } from "./object-storage.ts";
import { keyOf } from "./offers.ts";
import { operate } from "./operate.ts";
import type { Random } from "./random.ts";

export const RESTORES = "object restored to an earlier moment, or lost";
/** An account of its own, whose object is taken back: what is promised of the others is not promised of it. */
export const RESTORED = "acct_restored";

const MINUTE = 60_000;
const CREDIT = 1_000_000;
const REQUESTS = 30;
/** A gap in the ledger may still be closed by what is on its way; after so many looks nobody has it any more. */
const LOOKS = 300;

interface Acknowledged {
  readonly key: string;
  readonly charge: number;
  readonly at: number;
}

/** What upstream used whenever the number of an attempt was given out, and at which prices. */
interface Use {
  readonly usages: readonly Usage[];
  readonly rates: readonly Rate[];
}

/** Where a number was given out twice, the one who had it first may settle what was reserved at the other's price. */
function mostOf({ usages, rates }: Use = { usages: [], rates: [] }): number {
  return Math.max(0, ...usages.flatMap((usage) => rates.map((rate) => priceOf(rate, usage))));
}

/** What is asked of one account, what its object loses, and how a person brings it back. */
export class RestoredStory {
  /** When the last client comes. */
  readonly end: number;
  readonly #cast: Cast;
  readonly #random: Random;
  /** What upstream really used for an attempt, by request and attempt. */
  readonly #used = new Map<string, Use>();
  readonly #acknowledged: Acknowledged[] = [];
  #copy: StorageCopy | null = null;
  #lost = false;
  #begun = 0;
  /** When the account was open again; `null` until then. */
  #openAt: number | null = null;

  constructor(cast: Cast, begin: number, end: number) {
    this.end = Math.max(end, begin + 20 * MINUTE);
    this.#cast = cast;
    this.#random = cast.world.random.fork("restored account");
    // Entries of a history that was taken back are put aside, and so are those that come too late.
    cast.poison.add(`"accountId":"${RESTORED}"`);
    this.#schedule(begin);
  }

  #schedule(begin: number): void {
    const { world } = this.#cast;
    const span = this.end - begin;
    const at = (least: number, most: number) => begin + span * (least + (most - least) * this.#random.next());
    for (let n = 0; n < 3; n += 1) world.at(begin + 60 + n, () => this.#topUp(`grt_restored${n}`));
    world.at(at(0.3, 0.6), () => this.#topUp("grt_restored_later"));
    for (let n = 0; n < REQUESTS; n += 1) {
      const requestId = `req_k${this.#random.hex(40)}`;
      const first = at(0, 1);
      for (let copy = this.#random.int(1, 3), when = first; copy > 0; copy -= 1) {
        world.at(when, () => this.#ask(requestId));
        when += this.#random.pick([5_000, 2 * MINUTE, span / 3]);
      }
    }
    const copiedAt = at(0.15, 0.5);
    world.at(copiedAt, () => {
      this.#copy = hostOf(this.#cast.hosts, RESTORED).storage.copy();
    });
    world.at(copiedAt + span * this.#random.pick([0.02, 0.2, 0.4]), () => this.#takeBack());
  }

  #topUp(id: string): void {
    const terms = { kind: "paid", priority: 50, effectiveAt: 0, expiresAt: null, features: null } as const;
    operate(this.#cast, async (accounts) => {
      await accounts.grant(RESTORED, { ...terms, id, amount: 12 * CREDIT, reason: "bought" });
    });
  }

  #ask(requestId: string): void {
    const worker = new Invocation(this.#cast.world);
    const accounts = clientFor(worker, this.#cast.hosts);
    this.#cast.begin(async () => {
      try {
        await this.#serve(worker, accounts, requestId);
      } catch (error) {
        if (!(error instanceof AccountUnreachable)) throw error;
      }
    }, worker);
  }

  async #serve(worker: Invocation, accounts: AccountClient, requestId: string): Promise<void> {
    const { world, offers } = this.#cast;
    const quote = offers.quote("m-small");
    const bound: Usage = { ...NO_USAGE, inputTokens: 1_000, outputTokens: 20_000 };
    const reply = await accounts.reserve(RESTORED, {
      caller: { key: keyOf(RESTORED), planVersions: {} },
      command: {
        requestId,
        owner: world.random.hex(16),
        fingerprint: requestId,
        keyed: true,
        holdMs: 10 * MINUTE,
        demand: { feature: "codex", model: "m-small", quote, bound, openOutput: false },
      },
    });
    world.tell(`${requestId} ${reply.kind}`);
    if (reply.kind === "ended") this.#noteReplay(reply.reservation as unknown as Reservation);
    if (reply.kind !== "reserved") return;
    const { attempt, clampedTo } = reply.reservation;
    const outputTokens = Math.min(
      clampedTo ?? bound.outputTokens,
      Math.floor(bound.outputTokens * this.#random.next()),
    );
    const usage = { ...bound, outputTokens };
    const key = `${requestId}.${attempt}`;
    const use = this.#used.get(key) ?? { usages: [], rates: [] };
    // Within one epoch, an object that has forgotten an attempt that nobody else knows of gives its number out again.
    if (use.usages.length > 0 && this.#begun > 0)
      world.violate("upstream runs at most once per attempt, over all epochs", key);
    this.#used.set(key, { usages: [...use.usages, usage], rates: [...use.rates, quote.rate] });
    await worker.sleep(this.#random.pick([500, 20_000, 8 * MINUTE]));
    if (world.faults.strikes("Worker dies before settling")) return worker.vanish();
    const report = { usage, outcome: "completed", estimated: false } as const;
    const settled = await accounts.settle(RESTORED, { requestId, attempt, report });
    world.tell(`${key} ${settled.kind}`);
    if (settled.kind === "ended") {
      this.#acknowledged.push({ key, charge: settled.settlement.charge, at: world.now });
    } else if (this.#openAt !== null && this.#epoch() > 1 && attempt < 1_000_000) {
      world.reach("end of an attempt of an earlier epoch");
    }
  }

  #noteReplay({ carried }: Reservation): void {
    if (carried) this.#cast.world.reach("key of an earlier epoch comes again");
  }

  #epoch(): number {
    return hostOf(this.#cast.hosts, RESTORED).look((account) => account.head())?.epoch ?? 0;
  }

  #takeBack(): void {
    const { world, hosts } = this.#cast;
    const host = hostOf(hosts, RESTORED);
    this.#lost = this.#random.chance(0.3);
    world.faults.note(RESTORES);
    host.restore(this.#lost ? null : this.#copy);
    // A person stands by, and stops it at once.
    host.look((account) => account.setStatus("suspended", "its object was restored"));
    const invocation = new Invocation(world);
    const accounts = clientFor(invocation, hosts);
    this.#cast.begin(() => this.#bringBack(invocation, accounts), invocation);
  }

  /** A person tries until the account is open again. */
  async #bringBack(invocation: Invocation, accounts: AccountClient): Promise<void> {
    for (let look = 1; ; look += 1) {
      await invocation.sleep(this.#random.int(500, 20_000));
      try {
        if (await this.#reopen(accounts, look)) return;
      } catch (error) {
        if (!(error instanceof AccountUnreachable)) throw error;
      }
    }
  }

  async #reopen(accounts: AccountClient, look: number): Promise<boolean> {
    const { world, database, offers } = this.#cast;
    if (database.down) return false;
    const deps = {
      db: database.db,
      rateOf: offers.rateOf,
      headOf: (id: string) => accounts.head(id),
      hashAt: (id: string, seq: number) => accounts.hashAt(id, seq),
    };
    const reopened = await reopenLedger(deps, RESTORED, offers.plan("plus"), "restored", world.now);
    world.tell(`${RESTORED}: ${reopened.kind}${reopened.kind === "differs" ? ` ${reopened.difference.rule}` : ""}`);
    switch (reopened.kind) {
      case "opened": {
        this.#begun += 1;
        if (this.#random.chance(0.2)) return false;
        const reply = await accounts.reopen(RESTORED, reopened.carried);
        if (reply.kind !== "reopened") world.violate("an epoch that has begun is taken up", reply.kind);
        if (this.#begun > 1) world.reach("reopened again, because the object was not reached");
        world.reach(this.#lost ? "lost account reopened" : "restored account reopened");
        return this.#open(accounts);
      }
      case "repeated":
        return this.#open(accounts);
      // What is still on its way may show that the object has forgotten something.
      case "in_step":
        return this.#cast.queue.idle ? this.#open(accounts) : false;
      case "ledger_behind":
        world.violate("the ledger keeps what it has confirmed", RESTORED);
        return true;
      case "differs":
      case "no_ledger":
        return this.#giveUp(reopened.kind === "differs" && reopened.difference.rule !== "gap" ? LOOKS : look);
      case "undelivered":
      case "moved":
        return false;
    }
  }

  async #open(accounts: AccountClient): Promise<boolean> {
    const terms = { name: null, scopes: null, createdAt: 0, expiresAt: null, revokedAt: null };
    const known = hostOf(this.#cast.hosts, RESTORED).look((account) => account.keys());
    if (known.length === 0) await accounts.addKey(RESTORED, { ...keyOf(RESTORED), ...terms });
    await accounts.setStatus(RESTORED, "active", "its ledger was carried over");
    this.#openAt ??= this.#cast.world.now;
    return true;
  }

  /** What a restored object wrote beyond the end of its ledger, or what nobody has any more, is for a person to mend. */
  #giveUp(look: number): boolean {
    if (look < LOOKS) return false;
    this.#cast.givenUp.add(RESTORED);
    return true;
  }

  /** What must hold of the account when everything has come to rest, whatever it has lost. */
  check(): void {
    const { world, givenUp } = this.#cast;
    if (givenUp.has(RESTORED)) return;
    if (this.#openAt === null) world.violate("a restored account is open again", RESTORED);
    const charged = this.#charged();
    const attempts = new Map<string, string>();
    for (const [key, amount] of charged) {
      const request = key.split(".")[0] ?? "";
      const other = attempts.get(request);
      if (other) world.violate("a key is charged once, over all epochs", `${other} and ${key}`);
      attempts.set(request, key);
      const most = mostOf(this.#used.get(key));
      if (amount > most) world.violate("no charge above what upstream used", `${key}: ${amount} of ${most}`);
    }
    const openAt = this.#openAt ?? 0;
    for (const { key, charge } of this.#acknowledged.filter(({ at }) => at >= openAt)) {
      if ((charged.get(key) ?? 0) < charge) world.violate("what was acknowledged is charged", `${key}: ${charge}`);
    }
  }

  /** What the ledger has charged, by request and attempt. */
  #charged(): ReadonlyMap<string, number> {
    const charges = this.#cast.database.all<{ id: string; amount: number }>(
      "SELECT id, amount FROM monetization_events WHERE account_id = ? AND amount > 0",
      RESTORED,
    );
    const charged = new Map<string, number>();
    for (const { id, amount } of charges) {
      const key = id.replace(/^mon_/, "req_").replace(/~.*$/, "");
      charged.set(key, (charged.get(key) ?? 0) + amount);
    }
    return charged;
  }
}
