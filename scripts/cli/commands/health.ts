import type { Command } from "commander";
import { command } from "../command.ts";
import { EXIT } from "../failure.ts";
import { facts } from "../table.ts";
import type { Tool } from "../tool.ts";
import { when } from "../words.ts";

/** `spillway health`: whether the gateway lives, and how its ledger follows. */
export function healthCommand(tool: Tool): Command {
  return command(
    "health",
    "Whether the gateway lives and its ledger follows; ends with 1 when something needs attention",
    ["health", "health --url https://gateway.example"],
  ).action(async () => {
    const { url } = tool.connection();
    const { ledger, last_reconciliation: last, status } = await tool.connection().anybody().pipeline();
    await tool.show({ url, status, ledger, last_reconciliation: last }, () =>
      facts([
        ["Gateway", url],
        ["Status", status],
        ["Newest entry", when(ledger.newest_entry_at)],
        ["Late since", ledger.late_since ? when(ledger.late_since) : "nothing is late"],
        ["Quarantine", ledger.quarantined],
        ["Reconciled", last ? `${when(last.finished_at)}, ${last.differences} differences` : "never"],
        ["Outbox then", last?.outbox ?? null],
        ["Stale then", last?.stale_reservations ?? null],
      ]),
    );
    if (status !== "ok") tool.exitCode = EXIT.refused;
  });
}
