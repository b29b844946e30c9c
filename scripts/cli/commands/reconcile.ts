import type { Command } from "commander";
import type { Reconciliation } from "../../../client/types.ts";
import { command } from "../command.ts";
import { EXIT } from "../failure.ts";
import type { AccountOption } from "../history.ts";
import { table } from "../table.ts";
import type { Tool } from "../tool.ts";
import { counted } from "../words.ts";

/** `spillway reconcile`: whether the ledger adds up. */
export function reconcileCommand(tool: Tool): Command {
  return command("reconcile", "Check the ledger of one account or of all; ends with 1 when anything differs", [
    "reconcile",
    "reconcile --account acct_acme",
    "reconcile --json",
  ])
    .option("--account <id>", "check this account alone")
    .action(async ({ account }: AccountOption) => {
      const { ledger } = await tool.operator();
      const stoppable = { signal: tool.terminal.stop };
      const result = account === undefined ? await reconcileAll(tool) : await ledger.reconcile(account, stoppable);
      await tool.show(result, () => reconciliationText(result));
      if (result.difference_count > 0 || result.unchecked.length > 0) tool.exitCode = EXIT.refused;
    });
}

async function reconcileAll(tool: Tool): Promise<Reconciliation> {
  const { ledger } = await tool.operator();
  let accounts = 0;
  let differences = 0;
  for await (const step of ledger.reconcileAll({ signal: tool.terminal.stop })) {
    if (step.kind === "result") return step.result;
    accounts += 1;
    differences += step.account.differences.length;
    tool.terminal.progress(`${counted(accounts, "account")} checked, ${counted(differences, "difference")}`);
  }
  throw new Error("The reconciliation broke off before its result. Run it again.");
}

function reconciliationText(result: Reconciliation): string {
  const { checked, pending, differences, difference_count: count, unchecked, unchecked_count } = result;
  const lines = [
    `${counted(checked.accounts, "account")} and ${counted(checked.events, "entry", "entries")} checked: ${count === 0 ? "everything adds up" : counted(count, "difference")}.`,
    `On the way: ${counted(pending.reservations, "reservation")} (${pending.stale_reservations} stale), ${counted(pending.outbox, "entry", "entries")} to be confirmed.`,
  ];
  if (count > 0) {
    lines.push(
      "",
      table(
        [
          { title: "ACCOUNT", value: (one) => one.account },
          { title: "SEQ", value: (one) => one.seq, align: "right" },
          { title: "RULE", value: (one) => one.rule },
          { title: "SUBJECT", value: (one) => one.subject },
          { title: "EXPECTED", value: (one) => one.expected },
          { title: "FOUND", value: (one) => one.found },
        ],
        differences,
        "",
      ),
      "",
      "Paid use of these accounts is stopped. Once you know why: spillway accounts activate ACCOUNT --reason …",
    );
  }
  for (const { account, reason } of unchecked) lines.push(`${account} could not be checked: ${reason}`);
  const others = unchecked_count - unchecked.length;
  if (others > 0) lines.push(`${counted(others, "further account")} could not be checked.`);
  return lines.join("\n");
}
