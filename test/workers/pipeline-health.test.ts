import { env } from "cloudflare:workers";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { type Reconciliation, saveReconciliation } from "../../src/ledger/reconciliations.ts";
import { sweepAccounts } from "../../src/upkeep/sweeper.ts";
import { gatewayWith, grant, newAccount, openGateway } from "../support/gateway.ts";
import { objects, outboxOf, replaceQueue } from "../support/object.ts";

beforeAll(openGateway);
afterEach(() => {
  vi.restoreAllMocks();
});

const { DB } = env as Env;

interface Health {
  readonly status: string;
  readonly ledger: { readonly late_since: string | null };
}

/** What an isolate says that knows nothing yet. */
async function health(): Promise<Health> {
  return (await gatewayWith({})("/health/pipeline")).json<Health>();
}

async function statusAfter(result: Partial<Reconciliation>): Promise<string> {
  const whole: Reconciliation = {
    id: `rec_${crypto.randomUUID()}`,
    account: null,
    checked: { accounts: 1, events: 1 },
    pending: { reservations: 0, stale_reservations: 0, outbox: 0 },
    differences: [],
    difference_count: 0,
    unchecked: [],
    unchecked_count: 0,
    finished_at: new Date().toISOString(),
    ...result,
  };
  await DB.prepare("DELETE FROM reconciliations").run();
  await saveReconciliation(DB, whole, Date.now());
  return (await health()).status;
}

test("the ledger is well where every account was checked and none differs", async () => {
  expect(await statusAfter({})).toBe("ok");
  expect(await statusAfter({ difference_count: 1 })).toBe("attention");
  expect(await statusAfter({ unchecked_count: 1 })).toBe("attention");
});

test("how the ledger follows is read once for all who ask within seconds", async () => {
  let reads = 0;
  const counted = new Proxy(DB, {
    get(target, name) {
      if (name !== "prepare") return Reflect.get(target, name).bind?.(target);
      return (sql: string) => {
        if (sql.includes(`from "balances"`)) reads += 1;
        return target.prepare(sql);
      };
    },
  });
  const gateway = gatewayWith({ DB: counted });
  const first = await (await gateway("/health/pipeline")).json();
  expect(await (await gateway("/health/pipeline")).json()).toEqual(first);
  expect(reads).toBe(1);
});

// X18
test("a ledger that never gets an entry is not well, although it knows of none", async () => {
  const account = await newAccount();
  await replaceQueue(account, async () => {});
  await grant(account, "1");
  const [entry] = await outboxOf(account);
  const log = vi.spyOn(console, "error").mockReturnValue(undefined);
  await sweepAccounts(DB, objects, Date.now());
  expect(await statusAfter({})).toBe("ok");
  await sweepAccounts(DB, objects, Date.now() + 16 * 60_000);
  const late_since = new Date(entry?.at ?? 0).toISOString();
  expect(await health()).toMatchObject({ status: "attention", ledger: { late_since } });
  expect(log.mock.calls.flat().join()).toContain('"event":"entries_late"');
  await objects.confirm(account.id, 1, [1]);
  await sweepAccounts(DB, objects, Date.now() + 16 * 60_000);
  expect((await health()).ledger.late_since).toBeNull();
});
