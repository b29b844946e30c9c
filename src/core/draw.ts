import type { MicroCredits } from "./amount.ts";
import type { AllowanceUnit, GateUnit } from "./unit.ts";
import type { WindowRule } from "./window.ts";

/** Which source, and how much: a draw as it is shown and recorded. */
export interface SourceAmount {
  readonly kind: "allowance" | "grant";
  readonly source: string;
  readonly amount: MicroCredits;
}

/** So much from there. */
export type Draw = AllowanceDraw | GrantDraw;

export interface AllowanceDraw {
  readonly kind: "allowance";
  readonly source: string;
  /** The part of the charge that it covers. */
  readonly amount: MicroCredits;
  readonly unit: AllowanceUnit;
  /** What is booked in its windows, in its unit; for credits the same as `amount`. */
  readonly units: number;
  /** Where it is booked in each of the allowance's windows. */
  readonly bookings: readonly Booking[];
}

export interface GrantDraw {
  readonly kind: "grant";
  readonly source: string;
  readonly amount: MicroCredits;
}

/** The place in a window where use is booked, fixed when it is reserved. */
export interface Booking {
  readonly meter: string;
  readonly rule: WindowRule;
  readonly mark: number;
}

/** Use of a gate held by a request; it counts against the gate and is not money. */
export interface GateDraw {
  readonly unit: GateUnit;
  readonly amount: number;
  readonly booking: Booking;
}

/** A gate or source that was looked at, in order: what it had and what was taken, both in its unit. */
export interface Considered {
  readonly source: string;
  readonly kind: "gate" | "allowance" | "grant";
  readonly unit: AllowanceUnit | GateUnit;
  readonly available: number;
  readonly taken: number;
}
