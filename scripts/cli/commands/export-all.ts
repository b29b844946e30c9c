import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { SpillwayError, SpillwayUnreachable } from "../../../client/errors.ts";
import type { SpillwayOperator } from "../../../client/operator.ts";
import { EXIT } from "../failure.ts";
import { FileError, messageOf } from "../inputs.ts";
import { copy, fileWriter, hasEntry, verifiedFile } from "../ledger-file.ts";
import { table } from "../table.ts";
import type { Tool } from "../tool.ts";
import { counted } from "../words.ts";

/** An account of which there is no good file now, and why. */
interface Failed {
  readonly account: string;
  readonly reason: string;
}

const PAGE = 500;

/**
 * Exports every account to a file of its own in `directory`, and verifies each. A file takes the place of an earlier one
 * only when it verifies and goes on from there; until then, and otherwise, it ends in `.unverified`. What fails for one
 * account does not keep the others waiting.
 */
export async function exportAll(tool: Tool, directory: string): Promise<void> {
  const operator = await tool.operator();
  await made(directory);
  let accounts = 0;
  let entries = 0;
  const failed: Failed[] = [];
  for await (const { id } of operator.accounts.list({ sort: "id", limit: PAGE })) {
    const saying = `${counted(accounts, "account")} exported; ${id}: `;
    tool.terminal.progress(`${saying}begun`);
    const ended = await exportTo(tool, operator, id, join(directory, `${id}.ndjson`), saying);
    if (typeof ended === "string") failed.push({ account: id, reason: ended });
    else {
      accounts += 1;
      entries += ended;
    }
  }
  await tool.show({ directory, accounts, entries, failed }, () => allText(directory, accounts, entries, failed));
  if (failed.length > 0) tool.exitCode = EXIT.refused;
}

async function made(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    throw new FileError(`${directory} cannot be made: ${messageOf(error)}`);
  }
}

/** How many entries the file has, or why there is no good one. */
async function exportTo(
  tool: Tool,
  { accounts }: SpillwayOperator,
  id: string,
  path: string,
  saying: string,
): Promise<number | string> {
  const unverified = `${path}.unverified`;
  try {
    const response = await accounts.exportLedger(id, { signal: tool.terminal.stop });
    await copy(tool, response, await fileWriter(unverified), saying);
  } catch (error) {
    if (concernsAll(tool, error)) throw error;
    return messageOf(error);
  }
  const verified = await verifiedFile(unverified);
  if (!verified.ok) return `${unverified}, line ${verified.line}: ${verified.reason}`;
  const lost = existsSync(path) ? await missingFrom(unverified, path) : null;
  if (lost !== null) return lost;
  await rename(unverified, path);
  return verified.summary.entries;
}

/**
 * Why the export `newer` must not take the place of `earlier`; `null` when it has all of it. A database that has lost
 * entries exports well, and the file of before may be the only one that still has them.
 */
async function missingFrom(newer: string, earlier: string): Promise<string | null> {
  const before = await verifiedFile(earlier);
  if (!before.ok) return `${earlier} was changed: line ${before.line}: ${before.reason}; the new one is ${newer}`;
  const { entries, head } = before.summary;
  if (entries === 0 || (await hasEntry(newer, head))) return null;
  return `the ledger no longer has entry ${entries} of ${earlier}, which was kept; the new one is ${newer}`;
}

/** Whether the accounts that follow would fare no better. */
function concernsAll(tool: Tool, error: unknown): boolean {
  if (tool.terminal.stop.aborted || error instanceof FileError || error instanceof SpillwayUnreachable) return true;
  return error instanceof SpillwayError && error.status === 401;
}

function allText(directory: string, accounts: number, entries: number, failed: readonly Failed[]): string {
  const done = `${counted(accounts, "account")} with ${counted(entries, "entry", "entries")} exported to ${directory}; each file verifies.`;
  if (failed.length === 0) return done;
  const columns = [
    { title: "ACCOUNT", value: (one: Failed) => one.account },
    { title: "REASON", value: (one: Failed) => one.reason },
  ];
  return [done, `${counted(failed.length, "account")} could not be exported:`, "", table(columns, failed, "")].join(
    "\n",
  );
}
