import { writeFile } from "node:fs/promises";
import { measureIngestion } from "../ingestion.ts";
import { progress } from "../progress.ts";
import { measureAccounts } from "./accounts.ts";
import { type Arguments, type Part, readArguments, USAGE_TEXT } from "./arguments.ts";
import { measureCatalog } from "./catalog.ts";
import { measureGrants } from "./grants.ts";
import { measureLedger } from "./ledger.ts";
import { measureReservations } from "./reservations.ts";
import { type Growth, growthOf, tableOf } from "./table.ts";

const ROUNDS = 5;

async function measure(part: Part, options: Arguments): Promise<Growth> {
  switch (part) {
    case "accounts":
      return measureAccounts(options.small, progress);
    case "catalog":
      return measureCatalog(options.small, progress);
    case "grants":
      return measureGrants(options.small, progress);
    case "reservations":
      return measureReservations(options.small, progress);
    case "ledger":
      return measureLedger(options, progress);
    case "ingestion":
      return ingestion();
  }
}

async function ingestion(): Promise<Growth> {
  progress("the ledger's writer");
  const figures = await measureIngestion(ROUNDS);
  return growthOf(
    "The ledger's writer",
    "debits in a batch",
    [100],
    [
      {
        "debits, a second": figures.debitsPerSecond,
        "D1 rows written for each": figures.rowsWrittenPerDebit,
        "D1 rows read for each": figures.rowsReadPerDebit,
        "kept for each, bytes": figures.bytesPerDebit,
      },
    ],
  );
}

async function main(options: Arguments): Promise<void> {
  const done: Growth[] = [];
  for (const part of options.parts) {
    done.push(await measure(part, options));
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(done, null, 2)}\n`);
  }
  console.log(done.map(tableOf).join("\n\n"));
}

try {
  await main(readArguments(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof TypeError && "code" in error ? `${error.message}\n\n${USAGE_TEXT}` : error);
  process.exitCode = 1;
}
