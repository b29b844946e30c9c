import type { AccountReply } from "../../durable-objects/commands.ts";
import { millionths } from "../catalog/fields.ts";
import { meterId } from "../core/account.ts";
import { formatCredits, type MicroCredits } from "../core/amount.ts";
import { remaining } from "../core/grant.ts";
import type { WindowRule } from "../core/window.ts";
import { quantityText } from "../wire/quantity.ts";
import { instant, periodText } from "../wire/time.ts";
import type { Alert } from "./alert.ts";
import type { AlertSettings } from "./settings.ts";

/** What is remembered of an account from one look to the next. */
export interface WatchState {
  /** The window for which each meter was last told of, and at how many percent. */
  readonly windows: Readonly<Record<string, { readonly of: number; readonly percent: number }>>;
  /** Conditions that hold, each since when: it is told of when it begins to, and again after it has ended. */
  readonly levels: Readonly<Record<string, number>>;
  /** Credits used so far, at some instants of the last hour and the last one before. */
  readonly samples: readonly (readonly [at: number, used: MicroCredits])[];
  /** Grants whose expiry was told. */
  readonly expiring: readonly string[];
}

export interface Evaluation {
  readonly alerts: readonly Alert[];
  readonly state: WatchState;
  /** When to look again even if nothing happens (epoch ms). */
  readonly dueAt: number | null;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * What has come about since the last look at an account. `before` is `null` at the first look: a condition that holds
 * from the very beginning was not crossed.
 */
export function evaluate(
  account: AccountReply,
  settings: AlertSettings,
  before: WatchState | null,
  now: number,
): Evaluation {
  const look = new Look(account, before, now);
  look.windows(settings.windows);
  look.credits(settings.credits_below);
  look.spending(settings.spend_per_hour);
  look.expiries(settings.grant_expires_days);
  look.frozen(settings.frozen);
  return look.result();
}

/** One look under way. */
class Look {
  readonly #account: AccountReply;
  readonly #before: WatchState | null;
  readonly #now: number;
  readonly #alerts: Alert[] = [];
  readonly #windows: Record<string, { of: number; percent: number }> = {};
  readonly #levels: Record<string, number> = {};
  #samples: WatchState["samples"] = [];
  readonly #expiring: string[] = [];
  readonly #due: number[] = [];

  constructor(account: AccountReply, before: WatchState | null, now: number) {
    this.#account = account;
    this.#before = before;
    this.#now = now;
  }

  result(): Evaluation {
    const state: WatchState = {
      windows: this.#windows,
      levels: this.#levels,
      samples: this.#samples,
      expiring: this.#expiring,
    };
    return { alerts: this.#alerts, state, dueAt: this.#due.length === 0 ? null : Math.min(...this.#due) };
  }

  /** Of several percents that were passed at once, the highest is told. */
  windows(percents: readonly number[]): void {
    for (const { id, unit, windows } of this.#account.limits.allowances) {
      for (const { rule, used, startedAt, resetsAt } of windows) {
        if (startedAt === null || rule.limit === 0) continue;
        const reached = Math.max(0, ...percents.filter((percent) => used * 100 >= percent * rule.limit));
        const told = this.#reached(meterId(`${id}:${unit}`, rule), rule, startedAt, reached, resetsAt);
        if (!told) continue;
        const period = periodOf(rule);
        this.#raise("window_used", `${meterId(`${id}:${unit}`, rule)}|${told}|${reached}`, {
          message: `${reached} % of ${id} is used for this ${period} window.`,
          data: {
            allowance: id,
            percent: reached,
            period,
            unit,
            used: quantityText(unit, used),
            limit: quantityText(unit, rule.limit),
            resets_at: instant(resetsAt),
          },
        });
      }
    }
  }

  /** Which window newly reached so many percent, by its start; `null` when that was told before. A sliding one has no end: it is told again after it has fallen below. */
  #reached(
    meter: string,
    rule: WindowRule,
    startedAt: number,
    percent: number,
    resetsAt: number | null,
  ): number | null {
    const before = this.#before?.windows[meter];
    const isSame = rule.kind === "sliding" ? percent > 0 && before !== undefined : before?.of === startedAt;
    if (rule.kind === "sliding" && percent > 0 && resetsAt !== null) this.#due.push(resetsAt);
    if (percent === 0 && !isSame) return null;
    const told = isSame ? (before?.percent ?? 0) : 0;
    const of = isSame && rule.kind === "sliding" ? (before?.of ?? startedAt) : startedAt;
    this.#windows[meter] = { of, percent: Math.max(told, percent) };
    return percent > told ? of : null;
  }

  credits(below: string | null): void {
    if (below === null) return;
    const { available, used } = this.#account.limits.credits;
    const isLow = available < millionths(below);
    const since = this.#begins("credits_low", isLow, used > 0);
    if (since === null) return;
    this.#raise("credits_low", String(since), {
      message: `${formatCredits(available)} credits are left, fewer than ${below}.`,
      data: { available: formatCredits(available), below },
    });
  }

  spending(perHour: string | null): void {
    const { used } = this.#account.limits.credits;
    const hourAgo = this.#now - HOUR_MS;
    const samples = this.#before?.samples ?? [];
    const base = samples.findLast(([at]) => at <= hourAgo) ?? samples[0];
    this.#samples = [...samples.filter((sample) => sample === base || sample[0] > hourAgo), [this.#now, used] as const];
    if (perHour === null) return;
    const spent = used - (base?.[1] ?? used);
    const since = this.#begins("spend_rate", spent > millionths(perHour), true);
    // Without further use the rate falls by itself.
    if (this.#levels.spend_rate !== undefined) this.#due.push(this.#now + HOUR_MS);
    if (since === null) return;
    this.#raise("spend_rate", String(since), {
      message: `${formatCredits(spent)} credits were spent within an hour, more than ${perHour}.`,
      data: { spent: formatCredits(spent), per_hour: perHour },
    });
  }

  expiries(days: number | null): void {
    if (days === null) return;
    for (const grant of this.#account.grants) {
      if (grant.expiresAt === null || grant.expiresAt <= this.#now || remaining(grant) === 0) continue;
      // What renews by itself is not worth a word.
      if (grant.kind === "entitlement") continue;
      const tellAt = grant.expiresAt - days * DAY_MS;
      if (tellAt > this.#now) {
        this.#due.push(tellAt);
        continue;
      }
      this.#expiring.push(grant.id);
      if (this.#before?.expiring.includes(grant.id)) continue;
      const left = formatCredits(remaining(grant));
      this.#raise("grant_expires", grant.id, {
        message: `${left} credits of a ${grant.kind} grant expire on ${instant(grant.expiresAt)}.`,
        data: { grant: grant.id, remaining: left, expires_at: instant(grant.expiresAt) },
      });
    }
  }

  frozen(isTold: boolean): void {
    if (!isTold) return;
    const since = this.#begins("account_frozen", this.#account.status === "frozen", true);
    if (since === null) return;
    this.#raise("account_frozen", String(since), {
      message: "Paid use of this account is stopped until a person has looked at it; included use goes on.",
      data: { status: this.#account.status },
    });
  }

  /** Since when a condition holds, if it has just begun to; at the first look only if `atOnce`. */
  #begins(level: string, holds: boolean, atOnce: boolean): number | null {
    if (!holds) return null;
    const since = this.#before?.levels[level];
    this.#levels[level] = since ?? this.#now;
    return since === undefined && (this.#before !== null || atOnce) ? this.#now : null;
  }

  #raise(rule: Alert["rule"], instance: string, told: Pick<Alert, "message" | "data">): void {
    this.#alerts.push({ rule, accountId: this.#account.id, instance, ...told });
  }
}

function periodOf(rule: WindowRule): string {
  return rule.kind === "calendar" ? rule.unit : periodText(rule.periodMs);
}
