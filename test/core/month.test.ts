import { describe, expect, it } from "vitest";
import { Account } from "../../durable-objects/account.ts";
import { formatCredits } from "../../src/core/amount.ts";
import type { Plan } from "../../src/core/plan.ts";
import { NO_USAGE } from "../../src/core/usage.ts";
import { sha256Hex } from "../../src/sha256.ts";
import { calendar, credits, DAY, entitlementOf, HOUR, MINUTE, PLAIN_RATE, planOf } from "../support/core-fixtures.ts";
import { SqlitePlatform } from "../support/sqlite-platform.ts";

// The story of one customer's November, on the account as it is deployed: 20 credits a day are included, 100 are granted
// every month of which 30 roll over, a promotion of 10 ends on the 10th, and 50 are bought when they run out.

const START = Date.UTC(2026, 10, 1);
const KEY = { id: "key_november0001", digest: sha256Hex("secret") };
const QUOTE = { cardId: "default", cardVersion: 1, model: "gpt-5.4", rate: PLAIN_RATE };

const PLAN: Plan = planOf({
  allowances: [
    {
      id: "daily",
      features: null,
      models: null,
      unit: "credits",
      windows: [calendar("day", "Europe/Berlin", credits(20))],
    },
  ],
  entitlements: [entitlementOf("monthly", 100, { rolloverCap: credits(30), priority: 50 })],
});

class November {
  readonly platform = new SqlitePlatform(START);
  readonly account = new Account(this.platform);
  readonly #names = new Map<string, string>();
  #requests = 0;

  constructor() {
    this.account.create("acct_november", PLAN);
    const shown = { name: null, scopes: null, createdAt: START, expiresAt: null, revokedAt: null };
    this.account.addKey({ ...KEY, ...shown });
  }

  /** Moves to a day of the month, letting the alarm ring on its way. */
  async day(day: number, hour = 12): Promise<void> {
    const until = START + (day - 1) * DAY + hour * HOUR;
    while (this.platform.alarmAt !== null && this.platform.alarmAt <= until) {
      this.platform.at = Math.max(this.platform.at, this.platform.alarmAt);
      this.platform.alarmAt = null;
      await this.account.alarm();
    }
    this.platform.at = until;
  }

  grant(id: string, amount: number, kind: "promotional" | "paid", expiresAt: number | null = null): void {
    const effectiveAt = this.platform.at;
    const terms = { kind, priority: 50, effectiveAt, expiresAt, features: null, reason: id };
    this.account.grant({ id: `grt_${id}`, amount: credits(amount), ...terms });
  }

  /** Asks for at most `most` credits and uses `used`; who paid, or why not. */
  use(most: number, used: number): string {
    this.#requests += 1;
    this.left();
    const requestId = `req_${this.#requests.toString(16).padStart(32, "0")}`;
    const bound = { ...NO_USAGE, outputTokens: most };
    const demand = { feature: "codex", model: "gpt-5.4", quote: QUOTE, bound, openOutput: false };
    const command = { requestId, owner: requestId, fingerprint: requestId, keyed: false, holdMs: MINUTE, demand };
    const reply = this.account.reserve({ caller: { key: KEY, planVersions: {} }, command });
    if (reply.kind === "denied") {
      const until = reply.denial.resetsAt === null ? "never" : new Date(reply.denial.resetsAt).toISOString();
      return `${reply.denial.reason} until ${until}`;
    }
    if (reply.kind !== "reserved") return reply.kind;
    const report = { usage: { ...NO_USAGE, outputTokens: used }, outcome: "completed" as const, estimated: false };
    const ended = this.account.settle({ requestId, attempt: 1, report });
    if (ended.kind !== "ended") return ended.kind;
    const { posted, overshoot } = ended.settlement;
    const paid = posted.map(({ source, amount }) => `${this.#nameOf(source)} ${whole(amount)}`);
    return [...paid, ...(overshoot > 0 ? [`refunded ${whole(overshoot)}`] : [])].join(", ");
  }

  /** What is left of the credits, by grant. */
  left(): string[] {
    const grants = this.account.describe()?.grants ?? [];
    return grants.map(({ id, amount, used, lapsed }) => `${this.#nameOf(id)} ${whole(amount - used - lapsed)}`);
  }

  #nameOf(source: string): string {
    for (const { id, reason } of this.account.describe()?.grants ?? []) this.#names.set(id, reason);
    return this.#names.get(source) ?? source;
  }
}

function whole(amount: number): string {
  return formatCredits(amount).replace(/\.000000$/, "");
}

describe("one customer's month", () => {
  it("uses what is included first, then what ends first, then what was bought, and can say why at every step", {
    timeout: 180_000,
  }, async () => {
    const november = new November();
    november.grant("promotion", 10, "promotional", START + 9 * DAY);
    const told: Record<string, unknown> = {};

    await november.day(1);
    told["a request within the day's 20"] = november.use(15, 12);
    told["one that needs more than what is left of the day"] = november.use(15, 14);
    await november.day(2);
    told["the next day, the 20 are there again"] = november.use(20, 20);
    told["and the promotion goes before the month's grant, since it ends first"] = november.use(12, 8);
    await november.day(11);
    told["what was left of the promotion has lapsed"] = november.left();
    told["a large request, partly from the month's grant"] = november.use(60, 40);
    told["one that is larger than all that is left waits for the new month"] = november.use(115, 50);
    november.grant("bought", 50, "paid");
    told["credits that were bought count at once, and what was not used goes back"] = november.use(115, 50);
    await november.day(30);
    told["more used than reserved is taken from what is left"] = november.use(20, 30);
    told["what is left at the end of the month"] = november.left();
    await november.day(31);
    told["the new month, with what rolled over"] = november.left();
    told["more used than there is: the rest is refunded at once"] = november.use(1, 200);
    told["nothing is left, until the day ends in Berlin"] = november.use(15, 15);

    expect(told).toMatchInlineSnapshot(`
      {
        "a large request, partly from the month's grant": "daily 20, monthly: renewed 20",
        "a request within the day's 20": "daily 12",
        "and the promotion goes before the month's grant, since it ends first": "promotion 4, monthly: renewed 4",
        "credits that were bought count at once, and what was not used goes back": "monthly: renewed 50",
        "more used than reserved is taken from what is left": "daily 20, monthly: renewed 10",
        "more used than there is: the rest is refunded at once": "daily 20, monthly: rolled over 16, monthly: renewed 100, bought 50, refunded 14",
        "nothing is left, until the day ends in Berlin": "allowance_exhausted until 2026-12-01T23:00:00.000Z",
        "one that is larger than all that is left waits for the new month": "credits_exhausted until 2026-12-01T00:00:00.000Z",
        "one that needs more than what is left of the day": "daily 8, promotion 6",
        "the new month, with what rolled over": [
          "monthly: rolled over 16",
          "monthly: renewed 100",
          "bought 50",
        ],
        "the next day, the 20 are there again": "daily 20",
        "what is left at the end of the month": [
          "monthly: renewed 16",
          "bought 50",
        ],
        "what was left of the promotion has lapsed": [
          "monthly: renewed 96",
        ],
      }
    `);
  });
});
