import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { PlanDocument } from "../client/types.ts";
import { AdminClient, unless } from "../scripts/admin-client.ts";
import { seedCatalog } from "../scripts/catalog-seed.ts";
import { type LocalGateway, startLocalGateway } from "../scripts/local-gateway.ts";

const ADMIN_TOKEN = "operator-of-the-benchmark";
const LARGE = 1_000_000_000;
/** Accounts that are made at once. */
const MADE_AT_ONCE = 10;

/**
 * Gates of every unit, and an allowance that the warm-up uses up: what is measured is a request that passes three
 * gates, finds the allowance empty and is paid by a grant.
 */
const PLAN: PlanDocument = {
  name: "Bench",
  features: { codex: { models: ["*"] } },
  gates: [
    { id: "rpm", features: ["codex"], unit: "requests", limit: LARGE, window: { kind: "sliding", period: "1m" } },
    { id: "tpm", features: ["codex"], unit: "tokens", limit: 100 * LARGE, window: { kind: "sliding", period: "1m" } },
    { id: "in-flight", unit: "concurrency", limit: 1_000 },
  ],
  allowances: [
    {
      id: "included",
      features: ["codex"],
      unit: "credits",
      windows: [
        { kind: "anchored", period: "5h", limit: "0.000001" },
        { kind: "anchored", period: "7d", limit: "0.000001" },
      ],
    },
  ],
};

export interface BenchAccount {
  readonly id: string;
  readonly key: string;
}

/** What the objects of some accounts did, summed up. */
export interface Work {
  readonly calls: number;
  readonly rowsWritten: number;
  readonly alarmsSet: number;
}

/** Spillway with its accounts, in front of the benchmark's upstream. */
export class BenchedSpillway {
  readonly gateway: LocalGateway;
  readonly #admin: AdminClient;
  readonly #stateDir: string;

  /** Starts it with its state in a new directory under `stateRoot`. */
  static async start(stateRoot: string, upstreamUrl: string): Promise<BenchedSpillway> {
    const stateDir = await mkdtemp(join(stateRoot, "spillway-bench-"));
    const gateway = await startLocalGateway({
      port: 0,
      stateDir,
      vars: {
        SPILLWAY_ADMIN_TOKEN: ADMIN_TOKEN,
        SPILLWAY_KEY_SECRET: "key-secret-of-the-benchmark",
        UPSTREAM_BASE_URL: `${upstreamUrl}/v1`,
        UPSTREAM_API_KEY: "sk-upstream-of-the-benchmark",
        UPSTREAM_WEBSOCKET: "pass",
      },
    });
    const admin = new AdminClient(gateway.url, ADMIN_TOKEN);
    await seedCatalog(admin);
    await admin.plans.put("bench", PLAN);
    return new BenchedSpillway(gateway, admin, stateDir);
  }

  private constructor(gateway: LocalGateway, admin: AdminClient, stateDir: string) {
    this.gateway = gateway;
    this.#admin = admin;
    this.#stateDir = stateDir;
  }

  async makeAccounts(count: number): Promise<BenchAccount[]> {
    const accounts: BenchAccount[] = [];
    while (accounts.length < count) {
      const width = Math.min(MADE_AT_ONCE, count - accounts.length);
      accounts.push(...(await Promise.all(Array.from({ length: width }, () => this.#makeAccount()))));
    }
    return accounts;
  }

  async #makeAccount(): Promise<BenchAccount> {
    const { accounts } = this.#admin;
    const { id } = await accounts.create({ plan: "bench" });
    const { key } = await accounts.createKey(id);
    const credits = { amount: "1000000", kind: "paid", reason: "Credits of the benchmark" } as const;
    await accounts.grant(id, credits, { idempotencyKey: "credits" });
    return { id, key };
  }

  /** What the accounts' objects did since they were loaded; `null` where the gateway does not tell. */
  async work(accounts: readonly BenchAccount[]): Promise<Work | null> {
    const answers = await Promise.all(accounts.map(({ id }) => unless(404, null, this.#admin.accounts.work(id))));
    return answers.reduce<Work | null>(
      (sum, answer) => {
        if (sum === null || answer === null) return null;
        return {
          calls: sum.calls + answer.calls,
          rowsWritten: sum.rowsWritten + answer.rows_written,
          alarmsSet: sum.alarmsSet + answer.alarms_set,
        };
      },
      { calls: 0, rowsWritten: 0, alarmsSet: 0 },
    );
  }

  /**
   * Rows that the ledger has written to D1: those of the three datasets. What comes on top is one row of the balances for
   * each account in a batch.
   */
  async ledgerRows(): Promise<number> {
    const d1 = await this.gateway.getD1();
    const { results } = await d1
      .prepare(
        `SELECT (SELECT count(*) FROM usage_events) + (SELECT count(*) FROM monetization_events)
           + (SELECT count(*) FROM balance_updates) AS n`,
      )
      .all<{ n: number }>();
    return results[0]?.n ?? 0;
  }

  /** Fails unless the books are right: no difference, and nothing on its way. */
  async checkBooks(): Promise<void> {
    const { differences, pending } = await this.#admin.ledger.reconcile(null);
    if (differences.length > 0 || pending.reservations > 0 || pending.outbox > 0) {
      throw new Error(`The ledger does not add up: ${JSON.stringify({ differences, pending })}`);
    }
  }

  async dispose(): Promise<void> {
    await this.gateway.dispose();
    await rm(this.#stateDir, { recursive: true, force: true });
  }
}
