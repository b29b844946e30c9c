import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import type { Env } from "../../src/env.ts";
import { type Reconciliation, saveReconciliation } from "../../src/ledger/reconciliations.ts";
import { gatewayWith, openGateway } from "../support/gateway.ts";

beforeAll(openGateway);

const { DB } = env as Env;

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
  // Another isolate, which knows nothing yet.
  const answer = await gatewayWith({})("/health/pipeline");
  return (await answer.json<{ status: string }>()).status;
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
