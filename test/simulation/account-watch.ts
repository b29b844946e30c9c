import { allowanceOwner, gateOwner, meterId } from "../../src/core/account.ts";
import { type AuditState, auditEntry, beginAudit, type RateLookup } from "../../src/core/audit.ts";
import type { ChainedEntry } from "../../src/core/event.ts";
import type { Plan } from "../../src/core/plan.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import { leavesAt, type WindowRule } from "../../src/core/window.ts";
import { sha256Hex } from "../../src/sha256.ts";
import type { ObjectHost } from "./object-host.ts";
import type { Promises } from "./promises.ts";
import { noteEntry, noteReservation } from "./sightings.ts";
import {
  pendingRows,
  readStored,
  type StoredGrant,
  type StoredMeters,
  type StoredRow,
  UNCONFIRMED,
} from "./stored-state.ts";

/** What is used and held of every window, by meter and mark. */
type Use = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** Watches one account's storage: after every step its journal adds up and nothing is held or spent twice. */
export class AccountWatch {
  readonly audit: AuditState;
  readonly #host: ObjectHost;
  readonly #promises: Promises;
  readonly #rateOf: RateLookup;
  readonly #bodies = new Map<string, { body: string; reservation: Reservation }>();
  readonly #attempts = new Map<string, number>();
  #written = 0;
  #use: Use = new Map();

  constructor(host: ObjectHost, promises: Promises, rateOf: RateLookup) {
    this.#host = host;
    this.#promises = promises;
    this.#rateOf = rateOf;
    this.audit = beginAudit(sha256Hex, host.id, 1);
  }

  stepped(): void {
    const { storage } = this.#host;
    if (storage.written === this.#written) return;
    this.#written = storage.written;
    const stored = readStored(storage);
    if (!stored) return;
    const { row, grants, ahead } = stored;
    if (ahead > 1) this.#host.world.reach("several entries ahead of the tables");
    this.#checkRows(this.#readJournal());
    const pending = this.#pending();
    this.#checkHead(row);
    this.#checkGrants(row, grants, pending);
    this.#checkNew(row, grants, pending);
    this.#checkWindows(row, pending);
  }

  #broken(rule: string, message: string): void {
    this.#host.world.violate(rule, `${this.#host.id}: ${message}`);
  }

  /** Returns how many entries are new. */
  #readJournal(): number {
    const fresh = this.#host.storage.all<{ seq: number; entry: string }>(
      "SELECT seq, entry FROM outbox WHERE seq > ? ORDER BY seq",
      this.audit.seq,
    );
    for (const { entry: json } of fresh) {
      const entry = JSON.parse(json) as ChainedEntry;
      auditEntry(this.audit, entry, this.#rateOf, sha256Hex);
      const [difference] = this.audit.differences;
      if (difference) this.#broken("the journal adds up", JSON.stringify(difference));
      this.#promises.entered(entry);
      noteEntry(this.#host.world, entry);
    }
    return fresh.length;
  }

  /** A new entry takes the place of one that the ledger has: rows are as many as ever had to wait at once. */
  #checkRows(fresh: number): void {
    const [counted] = this.#host.storage.all<{ rows: number; open: number; beyond: number }>(
      `SELECT count(*) AS rows, coalesce(sum(${UNCONFIRMED}), 0) AS open,
         coalesce(sum(confirmed = 1 AND seq > (SELECT confirmed_seq FROM delivery)), 0) AS beyond FROM outbox`,
    );
    const { rows, open, beyond } = counted ?? { rows: 0, open: 0, beyond: 0 };
    this.#openMost = Math.max(this.#openMost, open, this.#open + fresh);
    this.#open = open;
    if (rows > this.#openMost) this.#broken("entries that the ledger has make place for new ones", `${rows} rows`);
    if (rows > open && open > 0) this.#host.world.reach("entries that wait beside such that the ledger has");
    if (beyond > 0) this.#host.world.reach("entry confirmed before one that came before it");
  }
  #open = 0;
  #openMost = 0;

  #pending(): Reservation[] {
    return pendingRows(this.#host.storage).map(({ request_id, body }) => {
      const known = this.#bodies.get(request_id);
      if (known?.body === body) return known.reservation;
      const reservation = JSON.parse(body) as Reservation;
      this.#bodies.set(request_id, { body, reservation });
      return reservation;
    });
  }

  /** I6, I9: the account stands where its journal stands. */
  #checkHead({ seq, head, balance }: StoredRow): void {
    if (seq !== this.audit.seq) this.#broken("I6: the journal has no gap", `at ${seq}, journal at ${this.audit.seq}`);
    if (head !== this.audit.head) this.#broken("I9: the chain ends at the head", `${head}, journal ${this.audit.head}`);
    if (balance !== this.audit.balance) {
      this.#broken("I2: the balance is the sum of the journal", `${balance}, journal ${this.audit.balance}`);
    }
  }

  /** I4, I10: nothing is spent or held twice. */
  #checkGrants(row: StoredRow, grants: readonly StoredGrant[], pending: readonly Reservation[]): void {
    const held = new Map<string, number>();
    for (const { kind, source, amount } of pending.flatMap(({ draws }) => draws)) {
      if (kind === "grant") held.set(source, (held.get(source) ?? 0) + amount);
    }
    let left = 0;
    const now = this.#host.now();
    for (const { id, amount, used, lapsed, expiresAt } of grants) {
      left += amount - used - lapsed;
      if (expiresAt !== null && expiresAt <= now && held.has(id)) this.#host.world.reach("grant ended while held");
      const together = used + lapsed + (held.get(id) ?? 0);
      if (used < 0 || lapsed < 0 || together > amount) {
        this.#broken(
          "I10: used, lapsed and held fit into the grant",
          `${id}: ${used}+${lapsed}+${held.get(id)} of ${amount}`,
        );
      }
    }
    if (left !== row.balance) this.#broken("I10: the grants sum up to the balance", `${left}, balance ${row.balance}`);
  }

  /** What is newly reserved draws only on what may be drawn on. */
  #checkNew(row: StoredRow, grants: readonly StoredGrant[], pending: readonly Reservation[]): void {
    const now = this.#host.now();
    for (const reservation of pending) {
      const { requestId, attempt, draws, reserved } = reservation;
      if ((this.#attempts.get(requestId) ?? 0) >= attempt) continue;
      this.#attempts.set(requestId, attempt);
      noteReservation(this.#host.world, reservation);
      const total = draws.reduce((sum, { amount }) => sum + amount, 0);
      if (total !== reserved) this.#broken("draws sum up to what is reserved", `${requestId}: ${total} of ${reserved}`);
      this.#checkRepetition(reservation, pending);
      if (row.status === "suspended") this.#broken("a suspended account reserves nothing", requestId);
      for (const { kind, source } of draws) {
        const grant = grants.find(({ id }) => id === source);
        if (kind === "grant" && (row.status === "frozen" || !grant || !isLive(grant, now))) {
          this.#broken("only live grants are drawn on", `${requestId} draws on ${source}`);
        }
      }
    }
  }

  /** X13: what a client sends again without a key begins no second job while the first one is young and under way. */
  #checkRepetition({ requestId, content, keyId, reservedAt }: Reservation, pending: readonly Reservation[]): void {
    if (!this.#promises.repetitions.has(`${this.#host.id} ${requestId}`)) return;
    const within = this.#plan().sameRequestMs ?? null;
    const first = pending.find(
      (other) =>
        other.requestId !== requestId &&
        other.content === content &&
        other.keyId === keyId &&
        within !== null &&
        reservedAt - other.reservedAt <= within,
    );
    if (first) this.#broken("what is sent again is begun once", `${requestId} beside ${first.requestId}`);
    this.#host.world.reach("repetition that is another request");
  }

  /** I8: no step takes a window over its limit. */
  #checkWindows(row: StoredRow, pending: readonly Reservation[]): void {
    const before = this.#use;
    this.#use = useOf(row.meters, pending);
    const now = this.#host.now();
    for (const [meter, rule] of rulesOf(this.#plan())) {
      const used = liveUse(this.#use, meter, rule, now);
      if (used > rule.limit && used > liveUse(before, meter, rule, now)) {
        this.#broken("I8: no window is used beyond its limit", `${meter}: ${used} of ${rule.limit}`);
      }
    }
  }

  #plan(): Plan {
    const [row] = this.#host.storage.all<{ document: string }>("SELECT document FROM plan");
    if (row?.document !== this.#planDocument) {
      this.#planDocument = row?.document ?? "";
      this.#planRead = JSON.parse(this.#planDocument) as Plan;
    }
    if (!this.#planRead) throw new Error("an account has a plan");
    return this.#planRead;
  }
  #planDocument = "";
  #planRead: Plan | null = null;
}

function isLive({ effectiveAt, expiresAt, voidedAt }: StoredGrant, now: number): boolean {
  return voidedAt === null && effectiveAt <= now && (expiresAt === null || now < expiresAt);
}

/** Windows that may never be overdrawn. Gates of tokens count what was really used, so they may be. */
function rulesOf(plan: Plan): [meter: string, rule: WindowRule][] {
  const allowances = plan.allowances.flatMap((allowance) =>
    allowance.windows.map((rule): [string, WindowRule] => [meterId(allowanceOwner(allowance), rule), rule]),
  );
  const gates = plan.gates.flatMap((gate): [string, WindowRule][] =>
    gate.unit === "requests" && gate.window ? [[meterId(gateOwner(gate, "key_1"), gate.window), gate.window]] : [],
  );
  return [...allowances, ...gates];
}

function useOf(meters: StoredMeters, pending: readonly Reservation[]): Use {
  const use = new Map<string, Map<number, number>>();
  const add = (meter: string, mark: number, amount: number): void => {
    const marks = use.get(meter) ?? new Map<number, number>();
    marks.set(mark, (marks.get(mark) ?? 0) + amount);
    use.set(meter, marks);
  };
  for (const [meter, marks] of Object.entries(meters)) for (const [mark, amount] of marks) add(meter, mark, amount);
  for (const { draws, gates } of pending) {
    for (const draw of draws) {
      if (draw.kind === "allowance") for (const { meter, mark } of draw.bookings) add(meter, mark, draw.units);
    }
    for (const { booking, amount } of gates) add(booking.meter, booking.mark, amount);
  }
  return use;
}

function liveUse(use: Use, meter: string, rule: WindowRule, now: number): number {
  let total = 0;
  for (const [mark, amount] of use.get(meter) ?? []) if (now < leavesAt(rule, mark)) total += amount;
  return total;
}
