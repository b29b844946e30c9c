import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { formatCredits } from "../src/core/amount.ts";
import { counted } from "./cli/words.ts";
import { copyLedger } from "./ledger-copy.ts";
import { type AccountReplay, accountsOf, type ReplaySource, replayAccount } from "./ledger-replay.ts";
import { clearProgress, showProgress } from "./progress.ts";
import { sourceOfDatabase, sourceOfExport } from "./replay-source.ts";
import { readSettings } from "./settings.ts";

/*
 * `npm run replay`: rebuilds charges and balances from usage events and rate cards alone, in memory, and holds them
 * against the ledger. Exits with 1 when anything differs, with 2 when there is nothing to read.
 */

const USAGE = `usage: npm run replay -- [--state-dir DIR] [--account ID]   the ledger of a gateway on this machine
       npm run replay -- --file ledger.ndjson               an export of GET /api/ledger/export`;

interface Choice {
  readonly file: string | undefined;
  readonly stateDir: string;
  readonly account: string | undefined;
}

function readChoice(): Choice {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { file: text, "state-dir": text, account: text } });
  const stateDir = values["state-dir"];
  return {
    file: values.file,
    stateDir: stateDir === undefined ? readSettings(process.env).stateDir : resolve(stateDir),
    account: values.account,
  };
}

async function run(choice: Choice): Promise<boolean> {
  if (choice.file !== undefined) return replay(await sourceOfExport(choice.file), choice);
  showProgress("Copying the ledger");
  await using copy = await copyLedger(choice.stateDir);
  return replay(sourceOfDatabase(copy.path), choice);
}

/** Replays what was asked for and prints the result; returns whether nothing differs. */
function replay(source: ReplaySource, { account }: Choice): boolean {
  const all = accountsOf(source);
  const accounts = account === undefined ? all : all.filter((id) => id === account);
  if (account !== undefined && accounts.length === 0) throw new Error(`The ledger has nothing of ${account}.`);
  const total = { usageEvents: 0, charges: 0, ledgerCharges: 0, balance: 0, ledgerBalance: 0, differing: 0 };
  for (const [index, id] of accounts.entries()) {
    showProgress(`Replaying account ${index + 1} of ${accounts.length}`);
    const replayed = replayAccount(source, id);
    total.usageEvents += replayed.usageEvents;
    total.charges += replayed.charges.replayed;
    total.ledgerCharges += replayed.charges.ledger;
    total.balance += replayed.balance.replayed;
    total.ledgerBalance += replayed.balance.ledger;
    if (replayed.differences.length > 0) total.differing += 1;
    report(replayed);
  }
  clearProgress();
  source.database.close();
  console.log(`${counted(total.usageEvents, "usage event")} of ${counted(accounts.length, "account")} replayed`);
  console.log(
    `  charges   ${formatCredits(total.charges)} replayed, ${formatCredits(total.ledgerCharges)} in the ledger`,
  );
  console.log(
    `  balances  ${formatCredits(total.balance)} replayed, ${formatCredits(total.ledgerBalance)} in the ledger`,
  );
  console.log(total.differing === 0 ? "  no differences" : `  ${counted(total.differing, "account")} with differences`);
  return total.differing === 0;
}

function report({ account, differences }: AccountReplay): void {
  const [first] = differences;
  if (!first) return;
  clearProgress();
  const place = first.seq === 0 ? "" : ` at entry ${first.seq}`;
  console.error(`${account} differs${place}: ${first.subject}`);
  console.error(`  replayed  ${first.replayed}`);
  console.error(`  ledger    ${first.ledger}`);
}

try {
  const same = await run(readChoice());
  process.exitCode = same ? 0 : 1;
} catch (error) {
  clearProgress();
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof TypeError && "code" in error) console.error(USAGE);
  process.exitCode = 2;
}
