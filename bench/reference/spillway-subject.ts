import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AdminClient } from "../../scripts/admin-client.ts";
import { seedCatalog } from "../../scripts/catalog-seed.ts";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";
import type { Place } from "./candidates.ts";
import type { Books, Subject } from "./subject.ts";
import type { ReferenceAccount } from "./system.ts";

/** Credits alone pay, and nothing else stands in the way. */
const PLAN = { name: "Guarantees", features: { codex: { models: ["*"] } } };
const MICRO = 1_000_000;
const PATIENCE_MS = 30_000;

export async function spillwaySubject({ stateRoot, upstreamUrl }: Place): Promise<Subject> {
  const stateDir = await mkdtemp(join(stateRoot, "spillway-bench-"));
  const token = randomUUID();
  const gateway = await startLocalGateway({
    port: 0,
    stateDir,
    // What is broken off by the crash is part of the trial.
    log: "none",
    vars: {
      SPILLWAY_ADMIN_TOKEN: token,
      SPILLWAY_KEY_SECRET: `key-secret-${randomUUID()}`,
      UPSTREAM_BASE_URL: `${upstreamUrl}/v1`,
      UPSTREAM_API_KEY: "sk-upstream-of-the-benchmark",
    },
  });
  const admin = new AdminClient(gateway.url, token);
  await seedCatalog(admin);
  await admin.plans.put("guarantees", PLAN);
  return {
    name: "Spillway",
    port: gateway.port,
    async makeAccount(credits) {
      const { id } = await admin.accounts.create({ plan: "guarantees" });
      const { key } = await admin.accounts.createKey(id);
      const amount = (credits / MICRO).toFixed(6);
      await admin.accounts.grant(id, { amount, kind: "paid", reason: "Credits of the trial" });
      return { id, key };
    },
    books: (account) => readBooks(admin, account),
    async drift(account, granted) {
      const { differences } = await admin.ledger.reconcile(account.id);
      const { charges, balance } = await readBooks(admin, account);
      const charged = charges.reduce((sum, { amount }) => sum + amount, 0);
      return Math.abs(granted - charged - balance) + differences.length;
    },
    crash: () => crash(gateway),
    async dispose() {
      await gateway.dispose();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

/** Waits until the ledger has all that the account's object has decided. */
async function readBooks(admin: AdminClient, { id }: ReferenceAccount): Promise<Books> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while ((await admin.ledger.reconcile(id)).pending.outbox > 0) {
    if (Date.now() > giveUpAt) throw new Error("the outbox does not become empty");
    await sleep(250);
  }
  const [events, charges, { credits }, open] = await Promise.all([
    admin.accounts.usageEvents(id, { limit: 500 }).all(),
    admin.accounts.monetizationEvents(id, { limit: 500 }).all(),
    admin.accounts.get(id),
    admin.ledger.reservations({ account: id, limit: 500 }).all(),
  ]);
  const requestIds = new Map(events.map((event) => [event.id, event.request_id]));
  return {
    charges: charges
      .map(({ usage_event, amount }) => ({ requestId: requestIds.get(usage_event) ?? "", amount: micro(amount) }))
      .filter(({ amount }) => amount > 0),
    // What is reserved still belongs to the account.
    balance: micro(credits.available) + micro(credits.reserved),
    open: open.length,
  };
}

async function crash(gateway: LocalGateway): Promise<void> {
  const { workerdPid: killed } = gateway;
  if (killed === undefined) throw new Error("the gateway is not running");
  process.kill(killed, "SIGKILL");
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (gateway.workerdPid === killed || !(await isHealthy(gateway))) {
    if (Date.now() > giveUpAt) throw new Error("the gateway did not come back");
    await sleep(100);
  }
}

async function isHealthy({ url }: LocalGateway): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok;
  } catch {
    return false;
  }
}

function micro(credits: string): number {
  return Math.round(Number(credits) * MICRO);
}
