import { Account } from "../../durable-objects/account.ts";
import type { RerateReply } from "../../durable-objects/commands.ts";
import type { Platform } from "../../durable-objects/platform.ts";
import type { RerateCommand } from "../../src/core/rerate.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import { Injected, ObjectStorage, type StorageCopy } from "./object-storage.ts";
import { pendingRows, readStored, UNCONFIRMED } from "./stored-state.ts";
import type { World } from "./world.ts";

/** One instance of an object in memory. A dead one can no longer reach its storage. */
interface Life {
  alive: boolean;
  /** Alarms of the platform that are running in it. */
  ringing: number;
}

interface Instance {
  readonly life: Life;
  readonly account: Account;
}

/** What the host tells those who watch over the promises. */
export interface Watch {
  /** After everything that may have changed the object. */
  stepped(host: ObjectHost): void;
  /** The object has answered an operator who corrects a price. */
  rerated(host: ObjectHost, command: RerateCommand, reply: RerateReply): void;
}

/** The queues that an object sends to. */
export type Queues = Pick<Platform, "send" | "poll">;

const RETRY_ALARM_MS = 2_000;
const MOST_ALARMS_PER_MINUTE = 600;

/** The place where one account's object runs: it is loaded, crashes and is loaded again; its storage stays. */
export class ObjectHost {
  readonly id: string;
  readonly world: World;
  readonly storage = new ObjectStorage();
  /** How far the clock of the machine it runs on is ahead. */
  skewMs = 0;
  crashes = 0;
  /** Attempts that a reserving caller was told of. */
  readonly answered = new Set<string>();
  /** Local instant at which an alarm last ran to its end. */
  lastAlarmAt = 0;
  readonly #watch: Watch;
  readonly #queues: Queues;
  #instance: Instance | null = null;
  #alarmSet = 0;
  #alarms = { minute: 0, count: 0 };

  constructor(id: string, world: World, watch: Watch, queues: Queues) {
    this.id = id;
    this.world = world;
    this.#watch = watch;
    this.#queues = queues;
  }

  now(): number {
    return this.world.now + this.skewMs;
  }

  /** Runs a command of the account, with crashes before it, within it and after it. */
  call<T>(name: string, command: (account: Account) => T): T {
    const { faults } = this.world;
    if (faults.strikes("object crashes before a command")) this.crash("before a command");
    const { life, account } = this.#load();
    if (faults.strikes("object crashes inside a transaction")) this.#breakWrite(life, true);
    else if (faults.strikes("storage refuses a write")) this.#breakWrite(life, false);
    const written = this.storage.written;
    const seq = this.#seq();
    let result: T;
    try {
      result = command(account);
    } catch (error) {
      if (!(error instanceof Injected)) this.world.violate("the object never throws", `${name}: ${String(error)}`);
      throw life.alive ? retryable("the storage refused") : reset();
    } finally {
      this.storage.beforeWrite = null;
      this.#watch.stepped(this);
    }
    this.#checkDenial(result, written, seq);
    if (faults.strikes("object crashes between commit and reply")) {
      if (this.storage.written > written) this.world.reach("crash between commit and reply");
      this.crash(`after the commit of ${name}`);
      throw reset();
    }
    return result;
  }

  /** I17: what is refused writes nothing, unless a renewal that was due made its entries first. */
  #checkDenial(reply: unknown, written: number, seq: number): void {
    const denied = typeof reply === "object" && reply !== null && "kind" in reply && reply.kind === "denied";
    if (denied && this.storage.written > written && this.#seq() === seq) {
      this.world.violate("I17: a denial writes nothing", `${this.id}: ${this.storage.written - written} rows`);
    }
  }

  #seq(): number {
    return readStored(this.storage)?.row.seq ?? 0;
  }

  /** The sweeper, or a person, rings the alarm. */
  async wake(): Promise<number | null> {
    const instance = this.#load();
    await this.#ring(instance);
    if (!instance.life.alive) throw reset();
    return this.look((account) => account.waitingSince());
  }

  /** A correction, not a dry run, was answered. */
  rerated(command: RerateCommand, reply: RerateReply): void {
    this.#watch.rerated(this, command, reply);
  }

  /** Reads without any fault: for those who watch. */
  look<T>(read: (account: Account) => T): T {
    return read(this.#load().account);
  }

  isUnconfirmed(seq: number): boolean {
    return this.storage.all(`SELECT seq FROM outbox WHERE seq = ? AND ${UNCONFIRMED}`, seq).length > 0;
  }

  crash(when: string): void {
    const life = this.#instance?.life;
    if (!life) return;
    life.alive = false;
    this.#instance = null;
    this.crashes += 1;
    this.world.tell(`${this.id} crashes ${when}`);
    if (life.ringing > 0) this.#retryAlarm();
  }

  pending(): Reservation[] {
    return pendingRows(this.storage).map(({ body }) => JSON.parse(body) as Reservation);
  }

  openJobs(): number {
    const [row] = this.storage.all<{ n: number }>("SELECT count(*) AS n FROM resources WHERE poll_at IS NOT NULL");
    return row?.n ?? 0;
  }

  outboxSize(): number {
    return this.storage.all<{ n: number }>(`SELECT count(*) AS n FROM outbox WHERE ${UNCONFIRMED}`)[0]?.n ?? 0;
  }

  /** The object goes on with another clock. */
  moveClock(skewMs: number): void {
    this.#noteMove(this.now(), this.world.now + skewMs);
    this.crash("and moves to a machine with another clock");
    this.skewMs = skewMs;
    this.#schedule();
  }

  /** The object goes on with what it stored then, or with nothing. */
  restore(copy: StorageCopy | null): void {
    this.crash(copy ? "and is taken back to an earlier moment" : "and loses everything");
    if (copy) this.storage.putBack(copy);
    else this.storage.lose();
    this.#load();
    this.#schedule();
  }

  #noteMove(from: number, to: number): void {
    const { world } = this;
    if (this.pending().some(({ expiresAt }) => from < expiresAt && expiresAt <= to)) {
      world.reach("clock jumped over an expiry");
    }
    const meters = Object.values(readStored(this.storage)?.row.meters ?? {});
    if (meters.some((marks) => marks.some(([mark]) => to < mark && mark <= from))) {
      world.reach("clock went back over the start of a window");
    }
  }

  #load(): Instance {
    if (this.#instance) return this.#instance;
    const life: Life = { alive: true, ringing: 0 };
    const account = new Account(this.#platform(life));
    if ((readStored(this.storage)?.ahead ?? 0) > 0) this.world.reach("loaded with entries ahead of the tables");
    account.alarmIsAt(this.storage.alarmAt);
    this.#instance = { life, account };
    return this.#instance;
  }

  #platform(life: Life): Platform {
    const check = (): void => {
      if (!life.alive) throw new Injected("this instance was reset");
    };
    return {
      sql: {
        exec: <Row extends Record<string, SqlStorageValue>>(query: string, ...bindings: SqlStorageValue[]) => {
          check();
          return this.storage.exec<Row>(query, ...bindings);
        },
      },
      transactionSync: (work) => {
        check();
        return this.storage.transaction(work);
      },
      setAlarm: (at) => {
        check();
        this.storage.alarmAt = at;
        this.#schedule();
      },
      soon: (ms, work) => {
        this.world.at(this.world.now + ms, () => {
          if (life.alive) this.world.spawn(() => this.#work(life, work));
        });
      },
      now: () => this.now(),
      send: async (messages) => {
        check();
        this.#watch.stepped(this);
        if (this.world.faults.strikes("object crashes while its alarm sends")) {
          this.world.at(this.world.now + 5, () => this.crash("while its alarm sends"));
        }
        await this.#queues.send(messages);
        // What answers after the crash answers nobody.
        if (!life.alive) await new Promise(() => {});
      },
      poll: async (messages) => {
        check();
        await this.#queues.poll(messages);
        if (!life.alive) await new Promise(() => {});
      },
      report: (event, detail) => this.#reported(event, detail, !life.alive),
    };
  }

  #reported(event: string, detail: Readonly<Record<string, unknown>>, dead: boolean): void {
    this.world.tell(`${this.id} reports ${event}: ${String(detail.message)}`);
    const injected = dead || String(detail.message).includes("Injected");
    if (event === "alarm_part_failed" && !injected) {
      this.world.violate("no part of an alarm fails", JSON.stringify(detail));
    }
  }

  /** Lets one of the next writes fail, with or without the instance. */
  #breakWrite(life: Life, crash: boolean): void {
    let left = this.world.random.int(0, 4);
    this.storage.beforeWrite = () => {
      left -= 1;
      if (left >= 0) return;
      this.storage.beforeWrite = null;
      this.world.reach(crash ? "crash within a transaction" : "write refused within a transaction");
      if (crash && life.alive) this.crash("within a transaction");
      throw new Injected("a write failed");
    };
  }

  #schedule(): void {
    this.#alarmSet += 1;
    const set = this.#alarmSet;
    const { alarmAt } = this.storage;
    if (alarmAt === null) return;
    const late = this.world.faults.strikes("alarm late") ? this.world.random.int(1_000, 120_000) : 0;
    this.world.at(alarmAt - this.skewMs + late, () => {
      // An alarm that was set by a transaction that rolled back is not set.
      if (set !== this.#alarmSet || this.storage.alarmAt === null) return;
      if (this.storage.alarmAt !== alarmAt) return this.#schedule();
      this.#fire();
    });
  }

  #fire(): void {
    this.storage.alarmAt = null;
    this.#countAlarm();
    if (this.world.faults.strikes("alarm lost")) {
      this.world.tell(`${this.id}: its alarm is lost`);
      return;
    }
    this.world.spawn(() => this.#ringByPlatform());
  }

  /** An alarm that sets itself for the past would ring for ever. */
  #countAlarm(): void {
    const minute = Math.floor(this.world.now / 60_000);
    this.#alarms = this.#alarms.minute === minute ? { minute, count: this.#alarms.count + 1 } : { minute, count: 1 };
    if (this.#alarms.count > MOST_ALARMS_PER_MINUTE) {
      this.world.violate("an alarm does not spin", `${this.id}: ${this.#alarms.count} alarms in a minute`);
    }
  }

  async #ringByPlatform(): Promise<void> {
    const instance = this.#load();
    instance.life.ringing += 1;
    await this.#ring(instance);
    instance.life.ringing -= 1;
  }

  /** What an instance does by itself, beside its alarm. */
  async #work(life: Life, work: () => Promise<void>): Promise<void> {
    await work();
    if (life.alive) this.#watch.stepped(this);
  }

  async #ring({ life, account }: Instance): Promise<void> {
    if (this.world.faults.strikes("object crashes inside a transaction")) this.#breakWrite(life, true);
    const ran = account.alarm();
    this.storage.beforeWrite = null;
    this.#watch.stepped(this);
    await ran;
    if (!life.alive) return;
    this.lastAlarmAt = this.now();
    this.#watch.stepped(this);
  }

  /** The platform repeats an alarm whose object crashed, unless it gives up. */
  #retryAlarm(): void {
    this.world.at(this.world.now + RETRY_ALARM_MS, () => {
      if (this.world.faults.strikes("alarm lost")) return;
      this.world.spawn(() => this.#ringByPlatform());
    });
  }
}

function reset(): Error {
  return Object.assign(new Error("the object was reset"), { durableObjectReset: true, remote: true, retryable: true });
}

function retryable(message: string): Error {
  return Object.assign(new Error(message), { remote: true, retryable: true });
}
