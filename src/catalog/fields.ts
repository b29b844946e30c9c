import * as z from "zod";
import { invariant, type MicroCredits, parseCredits } from "../core/amount.ts";

type Complaint = z.core.$ZodErrorMap;

/** One message for whatever is wrong with a field, with a word apart for its absence. */
function accepts(accepted: string): Complaint {
  return (issue) => (issue.input === undefined ? `is required: ${accepted}` : `must be ${accepted}`);
}

/** An object whose fields are exactly those of `shape`: a misspelt field is refused instead of ignored. */
export function fields<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? `is not a known field; accepted: ${known}`
        : issue.input === undefined
          ? `is required: an object with ${known}`
          : `must be an object with ${known}`,
  });
}

/** One of a closed set of words. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
  return z.enum(words, {
    error: ({ input }) =>
      input === undefined
        ? `is required; accepted: ${words.join(", ")}`
        : `${JSON.stringify(input)} is not available; accepted: ${words.join(", ")}`,
  });
}

/** The name of something that a document defines. No slash or colon: meters are named `owner/kind/period`. */
export const name = z.string({ error: accepts("a name") }).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
  error: "must be a name of 1 to 64 letters, digits, dots, hyphens or underscores that starts with a letter or digit",
});

/** The id of a model as clients send it. */
export const modelId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/, {
  error: "must be a model id of 1 to 128 letters, digits, or . _ : / - that starts with a letter or digit",
});

/** Text for people. */
export function text(maxLength: number) {
  const accepted = `a text of 1 to ${maxLength} characters`;
  return z
    .string({ error: accepts(accepted) })
    .refine((value) => value.trim() !== "" && value.length <= maxLength, { error: `must be ${accepted}` });
}

/** A whole number, written as a JSON number. */
export function wholeNumber(min: number, max: number) {
  const accepted = `a whole number from ${min} to ${max}`;
  return z
    .int({ error: accepts(accepted) })
    .min(min, { error: `must be ${accepted}` })
    .max(max, {
      error: `must be ${accepted}`,
    });
}

/**
 * A decimal string with up to six places, between `min` and `max` (whole numbers, both included) in its own unit.
 * Never a JSON number: a float has already lost what it was meant to say.
 */
export function decimal(accepted: string, min: "0" | "above 0", max: number) {
  const range = `${min === "0" ? "from 0" : "above 0"} up to ${max}`;
  const complaint = accepts(`${accepted}: a decimal string with up to six places, ${range}, such as "12.5"`);
  return z
    .string({ error: complaint })
    .refine((value) => isWithin(value, min, max), { error: complaint })
    .meta({ description: `A decimal string with up to six places (${accepted}, ${range}).`, examples: ["12.5"] });
}

function isWithin(value: string, min: "0" | "above 0", max: number): boolean {
  const millionths = parseCredits(value);
  if (millionths === null || value.startsWith("-")) return false;
  return (min === "0" || millionths > 0) && millionths <= max * 1_000_000;
}

/** A checked decimal string in millionths of its unit: micro-credits for credits, a multiplier for a factor. */
export function millionths(checked: string): MicroCredits {
  const value = parseCredits(checked);
  invariant(value !== null, `a checked decimal must parse, got ${checked}`);
  return value;
}

const PERIOD = /^([1-9]\d{0,8})([smhd])$/;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_PERIOD_MS = 366 * 86_400_000;

/** The length of a window: "30s", "1m", "5h", "7d". */
export const period = z
  .string({ error: accepts('a period such as "30s", "1m", "5h" or "7d"') })
  .refine((value) => periodMs(value) !== null, {
    error: 'must be a period from "1s" to "366d": a whole number and s, m, h or d',
  })
  .meta({ description: "From 1s to 366d: a whole number and s, m, h or d.", examples: ["5h"] });

/** A checked period in milliseconds. */
export function milliseconds(checked: string): number {
  const ms = periodMs(checked);
  invariant(ms !== null, `a checked period must parse, got ${checked}`);
  return ms;
}

/** The length of a period in milliseconds; `null` when it is none or too long. */
export function periodMs(value: string): number | null {
  const match = PERIOD.exec(value);
  if (!match) return null;
  const [, count = "", unit = ""] = match;
  const ms = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  return ms <= LONGEST_PERIOD_MS ? ms : null;
}
