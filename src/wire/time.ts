const DAY_MS = 24 * 3_600_000;

/** An instant on the wire: ISO 8601 in UTC. */
export function instant(at: number): string;
export function instant(at: number | null): string | null;
export function instant(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

/** An instant for people, to the second and never too early: what is told to be over then is over. */
export function instantText(at: number): string {
  const text = new Date(Math.ceil(at / 1_000) * 1_000).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`;
}

const UNITS = [
  ["d", DAY_MS],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** A period as plans write it: in the largest unit that divides it. */
export function periodText(ms: number): string {
  for (const [unit, length] of UNITS) if (ms % length === 0) return `${ms / length}${unit}`;
  return `${ms}ms`;
}
