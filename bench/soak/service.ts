import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { PlanDocument } from "../../client/types.ts";
import { AdminClient } from "../../scripts/admin-client.ts";
import { seedCatalog } from "../../scripts/catalog-seed.ts";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";
import { findFreePort } from "../../scripts/local-ports.ts";

const BOTH = { codex: { models: ["*"] }, sora: { models: ["*"] } };
const PLANS: Readonly<Record<string, PlanDocument>> = {
  // Used up within seconds and new every minute: requests are paid by it, by credits, and by both at once.
  "soak-mixed": {
    name: "Mixed",
    features: BOTH,
    gates: [{ id: "in-flight", unit: "concurrency", limit: 500 }],
    allowances: [
      {
        id: "included",
        features: ["codex"],
        unit: "credits",
        windows: [
          { kind: "anchored", period: "1m", limit: "0.1" },
          { kind: "sliding", period: "1h", limit: "4" },
        ],
      },
    ],
  },
  "soak-paid": { name: "Paid", features: BOTH },
};
const MIXED = 6;
const PAID = 4;
const POOR = 2;
const CREDITS = "1000000";
const BACK_MS = 30_000;
/** An isolate that was started a moment ago answers, and a connection of before may still break. */
const AFTERWARDS_MS = 2_000;

export interface Customer {
  readonly id: string;
  /** Of {@link PLANS}. */
  readonly plan: string;
  keyId: string;
  key: string;
  /** The key that is still good after a roll; the next roll revokes it. */
  oldKeyId: string | null;
}

/** The time from the end of workerd until clients find the gateway as before (epoch ms). */
export interface Kill {
  readonly at: number;
  readonly backAt: number;
}

/** The gateway under load, with the simulated upstream in a process of its own. */
export class Service {
  readonly gateway: LocalGateway;
  readonly admin: AdminClient;
  readonly customers: Customer[] = [];
  /** Without credits. */
  readonly poor: Customer[] = [];
  readonly kills: Kill[] = [];
  readonly inspectorPort: number;
  readonly #stateDir: string;
  #killedAt: number | null = null;

  /** Starts it with its state in a new directory under `stateRoot`. */
  static async start(stateRoot: string): Promise<Service> {
    const stateDir = await mkdtemp(join(stateRoot, "spillway-soak-"));
    const token = randomUUID();
    const inspectorPort = await findFreePort();
    const gateway = await startLocalGateway({
      port: 0,
      inspectorPort,
      stateDir,
      withSimulator: true,
      // The upstream's failures and broken connections are part of the load.
      log: "none",
      vars: { SPILLWAY_ADMIN_TOKEN: token, SPILLWAY_KEY_SECRET: `key-secret-${randomUUID()}` },
    });
    const service = new Service(gateway, new AdminClient(gateway.url, token), { stateDir, inspectorPort });
    try {
      await service.#prepare();
      return service;
    } catch (error) {
      await service.dispose();
      throw error;
    }
  }

  private constructor(gateway: LocalGateway, admin: AdminClient, place: { stateDir: string; inspectorPort: number }) {
    this.gateway = gateway;
    this.admin = admin;
    this.#stateDir = place.stateDir;
    this.inspectorPort = place.inspectorPort;
  }

  async #prepare(): Promise<void> {
    await seedCatalog(this.admin);
    for (const [id, plan] of Object.entries(PLANS)) await this.admin.plans.put(id, plan);
    for (let made = 0; made < MIXED; made += 1) this.customers.push(await this.#customer("soak-mixed", true));
    for (let made = 0; made < PAID; made += 1) this.customers.push(await this.#customer("soak-paid", true));
    for (let made = 0; made < POOR; made += 1) this.poor.push(await this.#customer("soak-paid", false));
  }

  async #customer(plan: string, isRich: boolean): Promise<Customer> {
    const { accounts } = this.admin;
    const { id } = await accounts.create({ plan });
    const { id: keyId, key } = await accounts.createKey(id);
    if (isRich) {
      const terms = { amount: CREDITS, kind: "paid", reason: "Credits of the soak" } as const;
      await accounts.grant(id, terms, { idempotencyKey: "credits" });
    }
    return { id, plan, keyId, key, oldKeyId: null };
  }

  /** Micro-credits that an account was given before the load. */
  static readonly credits = Number(CREDITS) * 1_000_000;

  /** Ends workerd as a crash would, and waits until it was started again. */
  async kill(): Promise<void> {
    const { workerdPid: killed } = this.gateway;
    if (killed === undefined) throw new Error("the gateway is not running");
    const at = Date.now();
    this.#killedAt = at;
    process.kill(killed, "SIGKILL");
    while (this.gateway.workerdPid === killed || !(await this.isHealthy())) {
      if (Date.now() > at + BACK_MS) throw new Error("the gateway did not come back");
      await sleep(100);
    }
    this.kills.push({ at, backAt: Date.now() + AFTERWARDS_MS });
    this.#killedAt = null;
  }

  /** Whether a kill, also one that is not over yet, explains what happened between two instants. */
  explains(from: number, to: number): boolean {
    if (this.#killedAt !== null && to >= this.#killedAt) return true;
    return this.kills.some(({ at, backAt }) => from <= backAt && to >= at);
  }

  async isHealthy(): Promise<boolean> {
    try {
      return (await fetch(`${this.gateway.url}/health`, { signal: AbortSignal.timeout(2_000) })).ok;
    } catch {
      return false;
    }
  }

  async dispose(): Promise<void> {
    await this.gateway.dispose();
    await rm(this.#stateDir, { recursive: true, force: true });
  }
}
