import { setTimeout as sleep } from "node:timers/promises";
import { type Asked, Caller, smallRequest } from "../caller.ts";
import { OPERATOR, Workbench } from "../workbench.ts";
import { LONG_ACCOUNT, registerAccounts, requestOf, writeCharges } from "./fill.ts";
import { asOperator, p50, requestCost } from "./probe.ts";
import { type Growth, growthOf, type Measured } from "./table.ts";

/** Rows of the three datasets; each entry has one in each of them. */
const SIZES = [10_000, 100_000, 1_000_000];
const LARGEST = 10_000_000;
const ROWS_PER_ENTRY = 3;
const OWN_REQUESTS = 200;
const REQUESTS = 600;
const WARM_ENTRIES = 100;

/**
 * A ledger that grows around an account with 200 requests, which is asked for everything that is its own; and a long
 * account that has a tenth of all entries.
 */
export async function measureLedger(
  { small, large }: { readonly small: boolean; readonly large: boolean },
  progress: (text: string) => void,
): Promise<Growth> {
  const sizes = small ? SIZES.slice(0, -1) : large ? [...SIZES, LARGEST] : SIZES;
  const bench = await Workbench.start();
  const caller = new Caller(bench.gateway.port);
  try {
    const { id, key } = await bench.makeAccount("grants", "1000000");
    const own = await caller.askMany(OWN_REQUESTS, 8, () => smallRequest(key));
    await sleep(5_000);
    const d1 = await bench.gateway.getD1();
    await registerAccounts(d1, 0, 1_000);
    await registerAccounts(d1, Number(LONG_ACCOUNT.slice(8)), Number(LONG_ACCOUNT.slice(8)) + 1);
    const receipt = own[0]?.requestId ?? "";
    // Warms up what the first size would pay for alone.
    await writeCharges(d1, 0, WARM_ENTRIES);
    await askAll(caller, { id, key, receipt, entries: WARM_ENTRIES });
    const measured: Measured[] = [];
    let entries = WARM_ENTRIES;
    for (const size of sizes) {
      const wanted = Math.floor(size / ROWS_PER_ENTRY);
      progress(`${size} rows of the ledger`);
      await writeCharges(d1, entries, wanted);
      entries = wanted;
      progress(`${size} rows of the ledger: asking`);
      const { cpuMs } = await requestCost(bench, caller, [(await bench.makeAccount("allowance")).key], REQUESTS);
      measured.push({
        "request of another account, CPU ms": cpuMs,
        ...(await askAll(caller, { id, key, receipt, entries })),
      });
    }
    return growthOf("The ledger", "rows", sizes, measured);
  } finally {
    caller.close();
    await bench.dispose();
  }
}

interface Subject {
  readonly id: string;
  readonly key: string;
  /** One of its requests. */
  readonly receipt: string;
  /** Entries of the ledger around it. */
  readonly entries: number;
}

/** Everything that is asked of a ledger of one size. */
async function askAll(caller: Caller, { id, key, receipt, entries }: Subject): Promise<Measured> {
  const mine = (path: string) => p50(caller, { path: `/api/${path}`, key });
  const long = (path: string) => p50(caller, asOperator(`/admin/accounts/${LONG_ACCOUNT}/${path}`));
  const all = (path: string) => p50(caller, asOperator(path));
  return {
    "own receipt, p50 ms": await mine(`requests/${receipt}`),
    "own requests, p50 ms": await mine("requests"),
    "own ledger, p50 ms": await mine("ledger"),
    "own usage report, p50 ms": await mine("usage?group_by=day,model"),
    "own proof, p50 ms": await mine("ledger/proof"),
    "own reconciliation, p50 ms": await p50(caller, reconciliationOf(id)),
    "long account: receipt, p50 ms": await long(`requests/${requestOf(entries >> 1)}`),
    "long account: requests, p50 ms": await long("usage-events"),
    "long account: ledger, p50 ms": await long("balance-updates"),
    "long account: usage report of all, p50 ms": await long(`usage?group_by=day,model&${ALL}`),
    "long account: usage of a month, p50 ms": await long(`usage?group_by=day,model&${MONTH}`),
    "long account: usage of a day, p50 ms": await long(`usage?group_by=day,model&${DAY}`),
    "totals of all, p50 ms": await all("/admin/totals"),
    "totals of a month by day, p50 ms": await all(`/admin/totals/daily?${MONTH}`),
    "totals of one account, p50 ms": await all(`/admin/totals?account=${id}`),
    "health of the pipeline, p50 ms": await all("/health/pipeline"),
  };
}

const ALL = "from=2025-10-01T00:00:00Z&to=2027-01-01T00:00:00Z";
const MONTH = "from=2025-10-09T08:00:00Z&to=2025-11-08T08:00:00Z";
const DAY = "from=2025-10-09T08:00:00Z&to=2025-10-10T08:00:00Z";

function reconciliationOf(account: string): Asked {
  return { method: "POST", path: "/admin/reconciliations", key: OPERATOR, body: { account } };
}
