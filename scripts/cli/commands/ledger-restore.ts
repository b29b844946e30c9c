import type { Command } from "commander";
import { SpillwayError } from "../../../client/errors.ts";
import type { SpillwayOperator } from "../../../client/operator.ts";
import type { OperatorAccount, Reconciliation } from "../../../client/types.ts";
import type { LedgerSummary } from "../../verify.mjs";
import { command } from "../command.ts";
import { EXIT } from "../failure.ts";
import { FileError } from "../inputs.ts";
import { portionsOf, verifiedFile } from "../ledger-file.ts";
import { printable } from "../table.ts";
import type { Tool } from "../tool.ts";
import { counted } from "../words.ts";

interface RestoreOptions {
  readonly reason: string;
}

/** What became of the entries of one file. */
interface Sent {
  /** Entries that were there already. */
  readonly present: number;
  /** Those that were put back. */
  readonly restored: number;
  /** Those that the gateway refused, and all behind them. */
  readonly refused: number;
  /** Why they were refused, or the whole file; `null` when nothing was. */
  readonly why: string | null;
}

interface Report extends Sent {
  readonly file: string;
  /** `null` where the file does not verify, so that it speaks for no account. */
  readonly account: string | null;
  readonly status: OperatorAccount["status"] | null;
  readonly reconciliation: Reconciliation | null;
}

/** `spillway ledger restore`: what the database has lost, from exports. */
export function restoreCommand(tool: Tool): Command {
  return command(
    "restore",
    "Put back entries that a restored database has lost, from exports; ends with 1 when not everything adds up",
    [
      'ledger restore acct_acme.ndjson --reason "D1 was restored to 12:00"',
      'ledger restore ledgers/acct_1.ndjson ledgers/acct_2.ndjson --reason "D1 was restored to 12:00"',
    ],
  )
    .argument("<file...>", "exports; each is verified before anything of it is sent")
    .requiredOption("--reason <text>", "why, for the log")
    .action(async (files: readonly string[], { reason }: RestoreOptions) => {
      if (files.includes("-")) throw new FileError("Standard input can be read only once; name a file.");
      const operator = await tool.operator();
      let good = true;
      for (const file of files) {
        const report = await restoreFile(tool, operator, file, reason);
        await tool.showOne(report, () => reportText(report));
        good &&= isGood(report);
      }
      if (!good) tool.exitCode = EXIT.refused;
    });
}

async function restoreFile(tool: Tool, operator: SpillwayOperator, file: string, reason: string): Promise<Report> {
  tool.terminal.progress(`${file}: verified`);
  const verified = await verifiedFile(file);
  if (!verified.ok) {
    const why = `it does not verify. Line ${verified.line}: ${verified.reason}`;
    return { file, account: null, status: null, reconciliation: null, present: 0, restored: 0, refused: 0, why };
  }
  const { account } = verified.summary;
  const sent = await send(tool, operator, file, verified.summary, reason);
  if (sent.why === NOT_REGISTERED) return { file, account, status: null, reconciliation: null, ...sent };
  tool.terminal.progress(`${account}: reconciled`);
  const reconciliation = await operator.ledger.reconcile(account, { signal: tool.terminal.stop });
  const { status } = await operator.accounts.get(account, { signal: tool.terminal.stop });
  return { file, account, status, reconciliation, ...sent };
}

const NOT_REGISTERED = "the gateway knows no such account";

/** Sends a file portion by portion, until one is refused: what follows it would hang in the air. */
async function send(
  tool: Tool,
  { accounts }: SpillwayOperator,
  file: string,
  { account, entries }: LedgerSummary,
  reason: string,
): Promise<Sent> {
  let present = 0;
  let restored = 0;
  for await (const portion of portionsOf(file)) {
    tool.terminal.progress(`${account}: ${present + restored} of ${entries} entries, ${restored} put back`);
    try {
      const told = await accounts.restoreLedger(account, { entries: portion, reason }, { signal: tool.terminal.stop });
      present += told.present;
      restored += told.restored;
    } catch (error) {
      const why = refusalOf(error);
      if (why === null) throw error;
      return { present, restored, refused: entries - present - restored, why };
    }
  }
  return { present, restored, refused: 0, why: null };
}

/** Why just this file is refused; `null` where anything else failed, and the same may be called again. */
function refusalOf(error: unknown): string | null {
  if (!(error instanceof SpillwayError)) return null;
  if (error.code === "account_not_found") return NOT_REGISTERED;
  return [400, 409].includes(error.status) ? error.message : null;
}

function isGood({ why, reconciliation }: Report): boolean {
  return why === null && reconciliation !== null && addsUp(reconciliation);
}

function addsUp({ difference_count, unchecked }: Reconciliation): boolean {
  return difference_count === 0 && unchecked.length === 0;
}

function reportText(report: Report): string {
  const { file, account, present, restored, refused, why, reconciliation } = report;
  if (account === null) return printable(`${file} is refused: ${why}. Nothing of it was sent.`);
  const lines = [
    `${account}: ${counted(present, "entry was", "entries were")} there, ${restored} put back, ${refused} refused (${file}).`,
  ];
  if (why !== null) lines.push(`Refused: ${why}`);
  if (why === NOT_REGISTERED) {
    lines.push(`Register it again, and repeat this: spillway accounts create --id ${account} --plan PLAN`);
  }
  if (reconciliation !== null) lines.push(standing(account, reconciliation, report.status));
  return lines.map(printable).join("\n");
}

/** Whether the account adds up now, and what to do next. */
function standing(account: string, reconciliation: Reconciliation, status: Report["status"]): string {
  const { differences, difference_count, unchecked } = reconciliation;
  const [first] = differences;
  const [failed] = unchecked;
  if (failed) return `It could not be checked: ${failed.reason}. Next: spillway reconcile --account ${account}`;
  if (first) {
    const missing = first.rule === "gap" ? " What is still missing may be in a newer export." : "";
    const at = `${first.rule} at entry ${first.seq}, ${first.subject}: expected ${first.expected}, found ${first.found}`;
    return `It does not add up: ${counted(difference_count, "difference")}; ${at}.${missing} All of them: spillway reconcile --account ${account}`;
  }
  if (status === "frozen") {
    return `It adds up, and is still frozen. Next: spillway accounts activate ${account} --reason "its ledger is whole again"`;
  }
  return `It adds up, and is ${status}.`;
}
