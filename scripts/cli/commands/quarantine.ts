import type { Command } from "commander";
import type { QuarantinedMessage } from "../../../client/types.ts";
import { command, group } from "../command.ts";
import { wholeNumber } from "../inputs.ts";
import { type Column, table } from "../table.ts";
import type { Tool } from "../tool.ts";
import { when } from "../words.ts";

const LISTED = 50;

const COLUMNS: readonly Column<QuarantinedMessage>[] = [
  { title: "MESSAGE", value: (message) => message.id },
  { title: "ACCOUNT", value: (message) => message.account },
  { title: "FIRST SEEN", value: (message) => when(message.first_seen_at) },
  { title: "COUNT", value: (message) => message.count, align: "right" },
  { title: "REDRIVEN", value: (message) => when(message.redriven_at) },
  { title: "REASON", value: (message) => message.reason },
];

export function quarantineCommands(tool: Tool): Command {
  return group("quarantine", "Messages that could not be written to the ledger", [
    command("list", "List what is in quarantine, newest first", ["quarantine list", "quarantine list --json"])
      .option("--limit <number>", "how many at most", wholeNumber, LISTED)
      .action(async ({ limit }: { readonly limit: number }) => {
        const { ledger } = await tool.operator();
        const messages = await ledger.quarantine({ limit: Math.max(1, Math.min(limit, 500)) }).all(limit);
        await tool.show(messages, () => table(COLUMNS, messages, "The quarantine is empty."));
      }),
    command("redrive", "Put a message on the queue again", ["quarantine redrive qua_0123456789abcdef"])
      .argument("<message>", "its id")
      .option("--reason <text>", "why, for the log")
      .action(async (id: string, options: { readonly reason?: string }) => {
        const redriven = await (await tool.operator()).ledger.redrive(id, options);
        await tool.show(redriven, () => `${redriven.id} is on its way. If it still cannot be written, it comes back.`);
      }),
  ]);
}
