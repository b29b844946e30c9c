import { type Command, CommanderError, Option } from "commander";
import { command } from "../command.ts";
import { EXIT } from "../failure.ts";
import { ACCOUNT_OPTION, type AccountOption } from "../history.ts";
import { copy, fileWriter } from "../ledger-file.ts";
import type { Tool } from "../tool.ts";
import { counted } from "../words.ts";
import { exportAll } from "./export-all.ts";

interface ExportOptions extends AccountOption {
  readonly out?: string;
  readonly csv?: boolean;
  readonly all?: boolean;
}

/** `spillway export`: the ledger of an account, or of each account, as a file. */
export function exportCommand(tool: Tool): Command {
  return command("export", "Export the ledger of an account as NDJSON that anyone can verify, or one's own as CSV", [
    "export --out ledger.ndjson",
    "export | spillway verify -",
    "export --account acct_acme | spillway verify -",
    "export --all --out ledgers",
    "export --csv --out ledger.csv",
  ])
    .option(...ACCOUNT_OPTION)
    .option("--out <file>", "write here instead of to standard output")
    .addOption(
      new Option("--all", "every account, as the operator: a verified file for each in the directory --out").conflicts([
        "account",
        "csv",
      ]),
    )
    .addOption(new Option("--csv", "CSV for a spreadsheet, with amounts in credits").conflicts("account"))
    .action(async ({ all, ...options }: ExportOptions) => {
      if (all !== true) return exportOne(tool, options);
      if (options.out !== undefined) return exportAll(tool, options.out);
      throw new CommanderError(EXIT.misused, "misused", "--all needs a directory: --out DIR.");
    });
}

async function exportOne(tool: Tool, { out, ...what }: ExportOptions): Promise<void> {
  const response = await exported(tool, what);
  const lines = await copy(tool, response, out === undefined ? tool.terminal.write : await fileWriter(out));
  tool.terminal.progress("");
  if (out !== undefined) tool.terminal.note(`${counted(lines, "line")} written to ${out}`);
}

async function exported(tool: Tool, { account, csv }: ExportOptions): Promise<Response> {
  const asked = { signal: tool.terminal.stop };
  if (account !== undefined) return (await tool.operator()).accounts.exportLedger(account, asked);
  const holder = await tool.holder();
  return csv === true ? holder.ledgerCsv(asked) : holder.exportLedger(asked);
}
