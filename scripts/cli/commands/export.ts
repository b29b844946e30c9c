import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { type Command, Option } from "commander";
import { command } from "../command.ts";
import { ACCOUNT_OPTION, type AccountOption } from "../history.ts";
import { FileError, messageOf } from "../inputs.ts";
import type { Tool } from "../tool.ts";
import { counted } from "../words.ts";

interface ExportOptions extends AccountOption {
  readonly out?: string;
  readonly csv?: boolean;
}

/** How often progress is told (bytes). */
const TOLD_EVERY = 64 * 1024;
const NEWLINE = 10;

/** `spillway export`: the ledger of an account as a file. */
export function exportCommand(tool: Tool): Command {
  return command("export", "Export the ledger of an account as NDJSON that anyone can verify, or one's own as CSV", [
    "export --out ledger.ndjson",
    "export | spillway verify -",
    "export --account acct_acme | spillway verify -",
    "export --csv --out ledger.csv",
  ])
    .option(...ACCOUNT_OPTION)
    .option("--out <file>", "write here instead of to standard output")
    .addOption(new Option("--csv", "CSV for a spreadsheet, with amounts in credits").conflicts("account"))
    .action(async ({ out, ...what }: ExportOptions) => {
      const response = await exported(tool, what);
      const lines = await copy(tool, response, out === undefined ? tool.terminal.write : await fileWriter(out));
      tool.terminal.progress("");
      if (out !== undefined) tool.terminal.note(`${counted(lines, "line")} written to ${out}`);
    });
}

async function exported(tool: Tool, { account, csv }: ExportOptions): Promise<Response> {
  const asked = { signal: tool.terminal.stop };
  if (account !== undefined) return (await tool.operator()).accounts.exportLedger(account, asked);
  const holder = await tool.holder();
  return csv === true ? holder.ledgerCsv(asked) : holder.exportLedger(asked);
}

interface Write {
  (bytes: Uint8Array): Promise<void>;
  /** Ends what is written to. */
  readonly end?: () => Promise<void>;
}

async function copy(tool: Tool, response: Response, write: Write): Promise<number> {
  let bytes = 0;
  let lines = 0;
  let told = 0;
  for await (const chunk of response.body ?? []) {
    await write(chunk);
    bytes += chunk.byteLength;
    for (const byte of chunk) if (byte === NEWLINE) lines += 1;
    if (bytes - told < TOLD_EVERY) continue;
    told = bytes;
    tool.terminal.progress(`${counted(lines, "line")} exported`);
  }
  await write.end?.();
  return lines;
}

async function fileWriter(path: string): Promise<Write> {
  const file = createWriteStream(path);
  const failed = finished(file).catch((error: unknown) => {
    throw new FileError(`${path} cannot be written: ${messageOf(error)}`);
  });
  // Waited for below; until then a failure must not end the process.
  failed.catch(() => undefined);
  const write = (bytes: Uint8Array) => new Promise<void>((resolve) => file.write(bytes, () => resolve()));
  const end = async () => {
    file.end();
    await failed;
  };
  return Object.assign(write, { end });
}
