import { Caller } from "../caller.ts";
import { Workbench } from "../workbench.ts";
import { grantAccounts, registerAccounts } from "./fill.ts";
import { asOperator, p50 } from "./probe.ts";
import { type Growth, growthOf, type Measured } from "./table.ts";

const SIZES = [10, 100, 1_000, 10_000, 100_000];
/** Not a quarter of an hour: the sweeper alone. */
const SWEEP_AT = new Date("2026-11-22T10:01:00Z");
/** A quarter: what moved is reconciled as well. */
const RECONCILE_AT = new Date("2026-11-22T10:15:00Z");

/** Accounts as rows, each with a grant, whose objects nobody has touched: what lists and sweeps them. */
export async function measureCatalog(small: boolean, progress: (text: string) => void): Promise<Growth> {
  const sizes = small ? SIZES.slice(0, -1) : SIZES;
  const bench = await Workbench.start();
  const caller = new Caller(bench.gateway.port);
  try {
    const d1 = await bench.gateway.getD1();
    await askAll(caller, 1);
    const measured: Measured[] = [];
    let made = 0;
    for (const size of sizes) {
      progress(`${size} rows of accounts`);
      await registerAccounts(d1, made, size);
      await grantAccounts(d1, made, size);
      made = size;
      measured.push({
        ...(await askAll(caller, size)),
        "sweep of a page, ms": await timed(() => bench.gateway.runCron(SWEEP_AT)),
        "sweep and reconciliation of a page, ms": await timed(() => bench.gateway.runCron(RECONCILE_AT)),
      });
    }
    return growthOf("Accounts as rows", "accounts", sizes, measured);
  } finally {
    caller.close();
    await bench.dispose();
  }
}

async function askAll(caller: Caller, accounts: number): Promise<Measured> {
  const list = (query: string) => p50(caller, asOperator(`/admin/accounts?limit=50${query}`));
  return {
    "list of accounts, p50 ms": await list(""),
    "list by id, p50 ms": await list("&sort=id"),
    "list by balance, p50 ms": await list("&sort=balance"),
    "search for one, p50 ms": await list(`&search=row${String(accounts - 1).padStart(13, "0")}`),
    "search for none, p50 ms": await list("&search=nobody"),
    "totals of all, p50 ms": await p50(caller, asOperator("/admin/totals")),
    "health of the pipeline, p50 ms": await p50(caller, asOperator("/health/pipeline")),
  };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
