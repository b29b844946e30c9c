import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { measureIngestion } from "../ingestion.ts";
import { progress } from "../progress.ts";
import { Workbench } from "../workbench.ts";
import { billOf, totalOf } from "./bill.ts";
import { measureBusy, measureUnhurried, type Outcome } from "./measure.ts";
import { assumptions, billTable, countTable } from "./report.ts";
import { BUSY, type Scenario, UNHURRIED } from "./scenarios.ts";

const USAGE_TEXT = `npm run bench:cost -- [--requests N] [--busy] [--json FILE]
  --requests N  requests of each busy account (default 3000)
  --busy        only the busy accounts: half a minute instead of eight
  --json FILE   also writes what was counted, and the bills, to FILE`;

const PATIENCE_MS = 30_000;

/** More registered accounts than the sweeper gets to: in an installation of some size it wakes each but rarely. */
const OTHERS = `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)
  INSERT INTO accounts (id, name, created_at) SELECT printf('acct_%016d', i), NULL, 0 FROM n`;

/** One in each of the three datasets. */
const ROWS_PER_DEBIT = 3;

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      requests: { type: "string" },
      busy: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  progress("what D1 counts for an entry");
  const { rowsReadPerDebit, bytesPerDebit } = await measureIngestion(1);
  const ledger = {
    rowsReadPerRow: rowsReadPerDebit / ROWS_PER_DEBIT,
    bytesPerRow: bytesPerDebit / ROWS_PER_DEBIT,
  };
  const bench = await Workbench.start();
  try {
    await (await bench.gateway.getD1()).prepare(OTHERS).run();
    const outcomes: Outcome[] = [];
    for (const scenario of BUSY.map((one) => sized(one, values.requests))) {
      progress(scenario.name);
      outcomes.push(await measureBusy(bench, scenario, ledger));
    }
    if (!values.busy) {
      progress(`seven minutes of ${UNHURRIED.map(({ name }) => name).join("; ")}`);
      outcomes.push(...(await measureUnhurried(bench, UNHURRIED, outcomes[0]?.counted.cpuMs ?? 0, ledger)));
    }
    progress("reconciling");
    await checkBooks(bench);
    console.log(`${billTable(outcomes)}\n\n${assumptions()}\n\n${countTable(outcomes)}`);
    if (values.json !== undefined) {
      const bills = outcomes.map((outcome) => {
        const lines = billOf(outcome.counted);
        return { ...outcome, bill: lines, total: totalOf(lines) };
      });
      await writeFile(values.json, `${JSON.stringify(bills, null, 2)}\n`);
    }
  } finally {
    await bench.dispose();
  }
}

function sized(scenario: Scenario, requests: string | undefined): Scenario {
  if (requests === undefined) return scenario;
  const count = Number(requests);
  if (!Number.isInteger(count) || count < 1) throw new Error("--requests must be a whole number from 1 on");
  return { ...scenario, requests: count };
}

/** Figures of a gateway that lost something are not shown. What is on its way when the last minute ends may arrive. */
async function checkBooks({ admin }: Workbench): Promise<void> {
  const until = Date.now() + PATIENCE_MS;
  let found = await admin.ledger.reconcile(null);
  while (found.pending.outbox > 0 && Date.now() < until) {
    await sleep(1_000);
    found = await admin.ledger.reconcile(null);
  }
  const { differences, pending } = found;
  if (differences.length > 0 || pending.outbox > 0) {
    throw new Error(`The ledger does not add up: ${JSON.stringify({ differences, pending })}`);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof TypeError && "code" in error ? `${error.message}\n\n${USAGE_TEXT}` : error);
  process.exitCode = 1;
}
