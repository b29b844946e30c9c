import type { Command } from "commander";
import type { BalanceUpdate } from "../../../client/types.ts";
import { command, group } from "../command.ts";
import { ACCOUNT_OPTION, type AccountOption, historyOf } from "../history.ts";
import { wholeNumber } from "../inputs.ts";
import { type Column, table } from "../table.ts";
import type { Tool } from "../tool.ts";
import { credits, when } from "../words.ts";
import { restoreCommand } from "./ledger-restore.ts";

const LISTED = 20;

interface LedgerOptions extends AccountOption {
  readonly limit: number;
}

const COLUMNS: readonly Column<BalanceUpdate>[] = [
  { title: "SEQ", value: (update) => update.seq, align: "right" },
  { title: "AT", value: (update) => when(update.at) },
  { title: "KIND", value: (update) => update.kind },
  { title: "SOURCE", value: (update) => update.source },
  { title: "AMOUNT", value: (update) => credits(update.amount), align: "right" },
  { title: "DELTA", value: (update) => credits(update.delta), align: "right" },
  { title: "BALANCE", value: (update) => credits(update.balance_after), align: "right" },
  { title: "CAUSE", value: (update) => update.reason ?? update.request_id ?? update.cause },
];

/** `spillway ledger`: what changed on the balance, and what puts back entries that were lost. */
export function ledgerCommand(tool: Tool): Command {
  const commands = group("ledger", "What changed on the balance; put back what a restored database has lost", []);
  return commands.addCommand(listCommand(tool), { isDefault: true }).addCommand(restoreCommand(tool));
}

function listCommand(tool: Tool): Command {
  return command("list", "List what changed on the balance, newest first; what `ledger` alone does", [
    "ledger",
    "ledger list --account acct_acme --limit 100",
  ])
    .option(...ACCOUNT_OPTION)
    .option("--limit <number>", "how many at most", wholeNumber, LISTED)
    .action(async ({ limit, ...whose }: LedgerOptions) => {
      const history = await historyOf(tool, whose);
      const updates = await history.ledger({ limit: Math.max(1, Math.min(limit, 500)) }).all(limit);
      await tool.show(updates, () => table(COLUMNS, updates, "The ledger is empty."));
    });
}
