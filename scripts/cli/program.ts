import { Command, CommanderError } from "commander";
import { SpillwayError } from "../../client/errors.ts";
import { accountCommands } from "./commands/accounts.ts";
import { planCommands, rateCardCommands } from "./commands/catalog.ts";
import { exportCommand } from "./commands/export.ts";
import { grantCommands } from "./commands/grants.ts";
import { healthCommand } from "./commands/health.ts";
import { keyCommands } from "./commands/keys.ts";
import { ledgerCommand } from "./commands/ledger.ts";
import { quarantineCommands } from "./commands/quarantine.ts";
import { reconcileCommand } from "./commands/reconcile.ts";
import { refundCommands } from "./commands/refunds.ts";
import { requestCommands } from "./commands/requests.ts";
import { tailCommand } from "./commands/tail.ts";
import { upstreamCommands } from "./commands/upstreams.ts";
import { usageCommand } from "./commands/usage.ts";
import { verifyCommand } from "./commands/verify.ts";
import { EXIT, failureJson, failureOf, failureText } from "./failure.ts";
import type { Terminal } from "./terminal.ts";
import { type GlobalOptions, Tool } from "./tool.ts";

const ABOUT = `
Where and who:
  SPILLWAY_URL          the gateway (default: the one of \`npm start\` on this machine)
  SPILLWAY_ADMIN_TOKEN  the operator's token, for everything but the key's own account
  SPILLWAY_KEY          a key of an account
  SPILLWAY_ACTOR        who acts, for the operators' log (default: your user name)
  A gateway of \`npm start\` is found by itself, with its token and its demo key.

Ends with 0 when done, 1 when the gateway refuses, something does not add up or
it was stopped, 2 when called wrongly, 3 when no gateway answers.

Examples:
  $ spillway health
  $ spillway accounts create --plan plus --name Acme
  $ spillway usage --from 7d --by day,model
  $ spillway reconcile`;

/** All commands. They write only to `terminal`, and throw instead of ending the process. */
export function buildProgram(terminal: Terminal): { program: Command; tool: Tool } {
  const program = new Command("spillway");
  const tool = new Tool(terminal, () => program.opts<GlobalOptions>());
  program
    .description("Operates a Spillway gateway, and shows an account what it used.")
    .option("--url <address>", "the gateway")
    .option("--token <token>", "the operator's token")
    .option("--key <key>", "a key of an account")
    .option("--actor <name>", "who acts, for the operators' log")
    .option("--json", "print JSON")
    .addHelpText("after", ABOUT);
  const commands = [
    accountCommands(tool),
    keyCommands(tool),
    grantCommands(tool),
    refundCommands(tool),
    usageCommand(tool),
    requestCommands(tool),
    ledgerCommand(tool),
    tailCommand(tool),
    exportCommand(tool),
    verifyCommand(tool),
    reconcileCommand(tool),
    quarantineCommands(tool),
    planCommands(tool),
    rateCardCommands(tool),
    upstreamCommands(tool),
    healthCommand(tool),
  ];
  for (const command of commands) program.addCommand(command);
  throwing(program, terminal);
  return { program, tool };
}

/** Settings that commander does not hand on to commands that were made apart. */
function throwing(command: Command, terminal: Terminal): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => void terminal.write(text),
    writeErr: (text) => terminal.note(text.trimEnd()),
    // The message is told once, by whoever catches it.
    outputError: () => undefined,
  });
  command.configureHelp({ showGlobalOptions: true });
  for (const inner of command.commands) throwing(inner, terminal);
}

/** Commander throws after it has shown help: what was asked for, or what stands in for a missing command. */
const HELP_SHOWN = new Set(["commander.help", "commander.helpDisplayed"]);

/** Runs the tool with `args`, without the names of node and script. @returns the exit code */
export async function runTool(args: readonly string[], terminal: Terminal): Promise<number> {
  const { program, tool } = buildProgram(terminal);
  try {
    await program.parseAsync(args, { from: "user" });
    return tool.exitCode;
  } catch (error) {
    terminal.progress("");
    if (terminal.stop.aborted && !(error instanceof SpillwayError)) {
      terminal.note("spillway: stopped before it was done.");
      return EXIT.refused;
    }
    if (error instanceof CommanderError && HELP_SHOWN.has(error.code)) {
      return error.exitCode === 0 ? EXIT.done : EXIT.misused;
    }
    const failure = failureOf(error);
    terminal.note(tool.json ? failureJson(failure) : failureText(failure));
    return failure.exitCode;
  }
}
