import type { HttpContext } from "./context.ts";

const WINDOW_MS = 15 * 60_000;
const FAILURES_MOST = 10;
/** Where no addresses are known, all callers are counted together. */
const FAILURES_MOST_TOGETHER = 100;
const TOGETHER = "unknown";
const ADDRESSES_MOST = 10_000;
/** The period of the binding that counts in the whole location (wrangler.toml). */
const LOCATION_PERIOD_MS = 60_000;

/** What is guessed at: a key to an account, or the operator's token. */
export type Door = "account" | "operator";

interface Failures {
  readonly since: number;
  readonly count: number;
}

/** Failed sign-ins of one isolate. What makes guessing hopeless is the length of the secrets; this makes it slow. */
export class FailedAttempts {
  readonly #failures = new Map<string, Failures>();

  /** Seconds until `who` may try again; 0 when it may now. */
  waitSeconds(who: string, now: number): number {
    const { since, count } = this.#of(who, now);
    return count < mostOf(who) ? 0 : Math.max(1, Math.ceil((since + WINDOW_MS - now) / 1_000));
  }

  failed(who: string, now: number): void {
    const { since, count } = this.#of(who, now);
    this.#keep(who, { since, count: count + 1 });
  }

  /** Other isolates have seen too many: keeps `who` out for at least as long as they count. */
  failedElsewhere(who: string, now: number): void {
    if (this.waitSeconds(who, now) > 0) return;
    this.#keep(who, { since: now + LOCATION_PERIOD_MS - WINDOW_MS, count: mostOf(who) });
  }

  #of(who: string, now: number): Failures {
    const known = this.#failures.get(who);
    return known && now < known.since + WINDOW_MS ? known : { since: now, count: 0 };
  }

  #keep(who: string, failures: Failures): void {
    // Set anew, so that all stay in the order of their last failure.
    this.#failures.delete(who);
    const [oldest] = this.#failures.keys();
    if (this.#failures.size >= ADDRESSES_MOST && oldest !== undefined) this.#failures.delete(oldest);
    this.#failures.set(who, failures);
  }
}

/** Seconds until the caller may try that door again; 0 when it may now. Costs no I/O. */
export function waitAt(c: HttpContext, door: Door): number {
  return c.var.services.failedAttempts.waitSeconds(callerAt(c, door), Date.now());
}

/** Counts a failure at that door, here at once and in the whole location after the answer. */
export function noteFailure(c: HttpContext, door: Door): void {
  const { failedAttempts, env } = c.var.services;
  const who = callerAt(c, door);
  failedAttempts.failed(who, Date.now());
  if (!isToldApart(c)) return;
  const counted = env.FAILED_SIGN_INS.limit({ key: who }).then(({ success }) => {
    if (!success) failedAttempts.failedElsewhere(who, Date.now());
  });
  c.executionCtx.waitUntil(counted.catch((error: unknown) => console.error(uncounted(error))));
}

/** Whether callers can be told apart. Cloudflare names every caller's address; a gateway on one's own machine does not. */
export function isToldApart(c: HttpContext): boolean {
  return addressOf(c) !== null;
}

function mostOf(who: string): number {
  return who.endsWith(TOGETHER) ? FAILURES_MOST_TOGETHER : FAILURES_MOST;
}

function callerAt(c: HttpContext, door: Door): string {
  return `${door} ${networkOf(addressOf(c) ?? TOGETHER)}`;
}

/** Cloudflare sets this header itself and lets no caller's through. `x-forwarded-for` is anybody's to write. */
function addressOf(c: HttpContext): string | null {
  return c.req.header("cf-connecting-ip") ?? null;
}

/** An IPv4 address, or the first half of an IPv6 address: whoever has one of those has all that begin like it. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array<string>(Math.max(0, 8 - groups.length - rest.length)).fill("0");
  const all = tail === undefined ? groups : [...groups, ...zeros, ...rest];
  return `${all.slice(0, 4).join(":")}::/64`;
}

function uncounted(error: unknown): string {
  return JSON.stringify({ event: "failed_sign_in_uncounted", message: String(error) });
}
