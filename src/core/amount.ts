/**
 * An amount of credits as an integer count of micro-credits (1 credit = 1,000,000 micro-credits).
 * Always a safe integer: storage reads 64-bit integers back as doubles, so anything larger would be rounded silently.
 */
export type MicroCredits = number;

export const MICRO_PER_CREDIT = 1_000_000;

/** A rule that must hold whatever the input was. It stops the command: nothing is written, nobody is charged. */
export class BrokenInvariant extends Error {
  override readonly name = "BrokenInvariant";
}

/** Throws {@link BrokenInvariant} unless `condition` holds. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new BrokenInvariant(what);
}

/** Returns `value` when it is a safe, non-negative integer; otherwise the invariant is broken. */
export function quantity(value: number, what: string): number {
  invariant(Number.isSafeInteger(value) && value >= 0, `${what} must be a safe non-negative integer, got ${value}`);
  return value;
}

const DECIMAL = /^(-?)(\d{1,10})(?:\.(\d{1,6}))?$/;

/** Parses a decimal string in credits ("12.5") to micro-credits; `null` when it is not one or is too large. */
export function parseCredits(text: string): MicroCredits | null {
  const match = DECIMAL.exec(text);
  if (!match) return null;
  const [, sign, whole = "", fraction = ""] = match;
  const micro = Number(whole) * MICRO_PER_CREDIT + Number(fraction.padEnd(6, "0"));
  if (!Number.isSafeInteger(micro)) return null;
  return sign && micro !== 0 ? -micro : micro;
}

/** Writes micro-credits as a decimal string in credits with six decimals, as every amount on the wire. */
export function formatCredits(micro: MicroCredits): string {
  const digits = Math.abs(micro).toString().padStart(7, "0");
  return `${micro < 0 ? "-" : ""}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

/** Sums amounts; the sum must stay a safe integer. */
export function sum(amounts: Iterable<MicroCredits>): MicroCredits {
  let total = 0;
  for (const amount of amounts) total += amount;
  invariant(Number.isSafeInteger(total), "a sum of amounts left the range of safe integers");
  return total;
}
