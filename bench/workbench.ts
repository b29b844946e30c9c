import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { PlanDocument } from "../client/types.ts";
import { AdminClient } from "../scripts/admin-client.ts";
import { seedCatalog } from "../scripts/catalog-seed.ts";
import { type LocalGateway, startLocalGateway, startSimulator } from "../scripts/local-gateway.ts";
import { stateRootOf } from "./state-root.ts";

export const OPERATOR = "operator-of-the-benchmark";
const LARGE = 1_000_000_000;
const MOST_CREDITS = "100000000";

/** Three gates that let everything pass; what pays are the account's grants. */
const PAID_BY_GRANTS: PlanDocument = {
  name: "Paid by grants",
  features: { codex: { models: ["*"] }, sora: { models: ["*"] } },
  gates: [
    { id: "rpm", unit: "requests", limit: LARGE, window: { kind: "sliding", period: "1m" } },
    { id: "tpm", unit: "tokens", limit: 100 * LARGE, window: { kind: "sliding", period: "1m" } },
    { id: "in-flight", unit: "concurrency", limit: LARGE },
  ],
  allowances: [],
};

/** The same gates, and an allowance that pays for everything. */
const PAID_BY_ALLOWANCE: PlanDocument = {
  ...PAID_BY_GRANTS,
  name: "Paid by an allowance",
  allowances: [
    {
      id: "included",
      unit: "credits",
      windows: [
        { kind: "anchored", period: "5h", limit: MOST_CREDITS },
        { kind: "anchored", period: "7d", limit: MOST_CREDITS },
      ],
    },
  ],
};

export interface KeyedAccount {
  readonly id: string;
  readonly key: string;
}

/** A new directory for state, in memory where the system has a file system for that. */
export function newStateDir(): Promise<string> {
  return mkdtemp(join(stateRootOf({ disk: false }), "spillway-bench-"));
}

/** Spillway with an empty state in memory, in front of the simulated upstream. */
export class Workbench {
  readonly gateway: LocalGateway;
  readonly admin: AdminClient;
  readonly #resources: AsyncDisposableStack;

  static async start(): Promise<Workbench> {
    await using started = new AsyncDisposableStack();
    const stateDir = await newStateDir();
    started.defer(() => rm(stateDir, { recursive: true, force: true }));
    const simulator = await startSimulator("none");
    started.defer(() => simulator.dispose());
    const gateway = await startLocalGateway({
      port: 0,
      stateDir,
      log: "none",
      vars: {
        SPILLWAY_ADMIN_TOKEN: OPERATOR,
        SPILLWAY_KEY_SECRET: "key-secret-of-the-benchmark",
        UPSTREAM_BASE_URL: `${simulator.url}/v1`,
        UPSTREAM_API_KEY: "sk-upstream-of-the-benchmark",
      },
    });
    started.defer(() => gateway.dispose());
    const admin = new AdminClient(gateway.url, OPERATOR);
    await seedCatalog(admin);
    await admin.plans.put("grants", PAID_BY_GRANTS);
    await admin.plans.put("allowance", PAID_BY_ALLOWANCE);
    return new Workbench(gateway, admin, started.move());
  }

  private constructor(gateway: LocalGateway, admin: AdminClient, resources: AsyncDisposableStack) {
    this.gateway = gateway;
    this.admin = admin;
    this.#resources = resources;
  }

  /** An account with a key, and, where `credits` are given, one grant of them. */
  async makeAccount(plan: "grants" | "allowance", credits: string | null = null): Promise<KeyedAccount> {
    const { id } = await this.admin.accounts.create({ plan });
    const { key } = await this.admin.accounts.createKey(id);
    if (credits !== null) await this.grant(id, credits);
    return { id, key };
  }

  async grant(id: string, credits: string): Promise<void> {
    await this.admin.accounts.grant(id, { amount: credits, kind: "paid", reason: "Credits of the benchmark" });
  }

  dispose(): Promise<void> {
    return this.#resources.disposeAsync();
  }
}
