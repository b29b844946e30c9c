import { type AccountRow, type AccountState, allowanceOwner, bookingAt, gateOwner, openAccount } from "./account.ts";
import type { Draw, GateDraw } from "./draw.ts";
import type { ChainedEntry, UsageEvent } from "./event.ts";
import { isAbout, type Plan } from "./plan.ts";
import { postDraws } from "./posting.ts";
import { unitsOf } from "./unit.ts";

/**
 * The use of an account's windows as its ledger tells of it, entry by entry. The ledger has the credits that an allowance
 * paid and what a request used, not how much of it was counted where several sources shared a request: then the whole
 * request counts, so that a window never has more room than it had.
 */
export class CarriedMeters {
  readonly #state: AccountState;

  constructor(plan: Plan) {
    const nothing = { id: "", epoch: 1, seq: 0, head: "", balance: 0, used: 0, meters: {}, renewals: {}, learned: {} };
    this.#state = openAccount({ ...nothing, status: "active", statusReason: null, plan }, [], []);
  }

  get all(): AccountRow["meters"] {
    return this.#state.row.meters;
  }

  take(entry: ChainedEntry): void {
    const { usage, monetization, at } = entry;
    if (!usage || usage.outcome === "denied") return;
    const charge = monetization?.amount ?? 0;
    // Where it was booked was fixed when it was reserved.
    const bookedAt = Math.min(usage.decision.reservedAt, at);
    const draws = this.#draws(entry, usage, charge, bookedAt);
    const gates = this.#gates(usage, bookedAt);
    const { meters } = postDraws(this.#state, draws, gates, { usage: usage.usage, charge }, bookedAt);
    this.#state.row = { ...this.#state.row, meters };
  }

  #draws({ updates }: ChainedEntry, { usage }: UsageEvent, charge: number, at: number): Draw[] {
    return this.#state.row.plan.allowances.flatMap((allowance) => {
      const { id: source, unit, windows } = allowance;
      const paid = updates.find((update) => update.kind === "allowance" && update.source === source);
      if (!paid) return [];
      const { amount } = paid;
      const units = unit === "credits" ? amount : unitsOf(unit, usage, charge);
      const bookings = windows.map((rule) => bookingAt(this.#state, allowanceOwner(allowance), rule, at));
      return [{ kind: "allowance" as const, source, amount, unit, units, bookings }];
    });
  }

  /** A late end and a correction are no further requests. */
  #gates({ keyId, feature, model, outcome }: UsageEvent, at: number): GateDraw[] {
    if (outcome === "late" || outcome === "corrected") return [];
    return this.#state.row.plan.gates.flatMap((gate) => {
      if (!gate.window || !isAbout(gate, feature, model)) return [];
      return [{ unit: gate.unit, amount: 0, booking: bookingAt(this.#state, gateOwner(gate, keyId), gate.window, at) }];
    });
  }
}
