import { DrizzleQueryError } from "drizzle-orm/errors";

/**
 * What a failed write to D1 calls for.
 * - `refused`: this content can never be written; no repetition helps.
 * - `overloaded`: D1 asks for rest.
 * - `transient`: anything else. The write may even have happened; repeating it is free.
 */
export type WriteFailure =
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "overloaded" }
  | { readonly kind: "transient" };

/** What went wrong in the end: a failed query of the query builder tells only what was asked. */
export function rootOf(error: unknown): unknown {
  return error instanceof DrizzleQueryError ? (error.cause ?? error) : error;
}

/**
 * An error as the gateway's log tells it: of a failed query what failed it, and where, but not its values, which are a
 * customer's and may be long.
 */
export function logText(error: Error): string {
  const { message, stack = message } = error;
  if (!(error instanceof DrizzleQueryError)) return stack;
  const places = stack.slice(stack.indexOf(message) + message.length);
  return `${rootOf(error)}\nFailed query: ${error.query.slice(0, QUERY_CHARACTERS)}${places}`;
}

const QUERY_CHARACTERS = 500;

/** The texts D1 gives are all there is to go by: its errors carry no codes. */
const REFUSED = /SQLITE_CONSTRAINT|constraint failed|D1_TYPE_ERROR|SQLITE_MISMATCH|SQLITE_TOOBIG|malformed JSON/;
const OVERLOADED = /overloaded|too many requests|exceeded timeout|memory limit|CPU time limit/i;

export function classify(error: unknown): WriteFailure {
  const text = error instanceof Error ? error.message : String(error);
  if (REFUSED.test(text)) return { kind: "refused", reason: reasonOf(text) };
  return { kind: OVERLOADED.test(text) ? "overloaded" : "transient" };
}

/** The heart of D1's message: `D1_ERROR: fork: SQLITE_CONSTRAINT (…)` is `fork`. */
function reasonOf(text: string): string {
  return text.replace(/^D1_ERROR: /, "").replace(/: SQLITE_[A-Z]+( \(.*\))?$/, "");
}

/**
 * What D1 says of itself that passes within seconds
 * (https://developers.cloudflare.com/d1/observability/debug-d1/#error-list).
 */
const PASSING =
  /D1 DB is overloaded|D1 DB reset because|caused object to be reset|due to transient issue|Network connection lost/;

/** Whether asking D1 again in a moment makes sense. */
export function isPassing(error: unknown): boolean {
  return PASSING.test(String(rootOf(error)));
}

const FIRST_DELAY_S = 5;
const LONGEST_DELAY_S = 900;
/** An overloaded database gets this many times longer to recover. */
const OVERLOAD_FACTOR = 4;

/** Seconds until a message is delivered again: doubling with each attempt, bounded, spread by `random` in [0, 1). */
export function retryDelay(attempts: number, kind: "transient" | "overloaded", random: number): number {
  const factor = kind === "overloaded" ? OVERLOAD_FACTOR : 1;
  const delay = factor * Math.min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** attempts);
  return Math.ceil(delay * (0.5 + random / 2));
}
