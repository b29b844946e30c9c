import type { Command } from "commander";
import type { ApiKey, NewKey } from "../../../client/types.ts";
import { command, group } from "../command.ts";
import { gathered, instantAhead } from "../inputs.ts";
import { type Column, facts, table } from "../table.ts";
import type { Tool } from "../tool.ts";
import { listed, when } from "../words.ts";

interface CreateOptions {
  readonly name?: string;
  readonly scope?: readonly string[];
  readonly expires?: string;
}

const COLUMNS: readonly Column<ApiKey>[] = [
  { title: "KEY", value: (key) => key.id },
  { title: "NAME", value: (key) => key.name },
  { title: "SCOPES", value: (key) => listed(key.scopes) },
  { title: "CREATED", value: (key) => when(key.created_at) },
  { title: "EXPIRES", value: (key) => when(key.expires_at) },
  { title: "REVOKED", value: (key) => when(key.revoked_at) },
];

export function keyCommands(tool: Tool): Command {
  return group("keys", "API keys of an account: list, create, revoke", [
    command("list", "List the keys of an account, without their secrets", ["keys list acct_acme"])
      .argument("<account>", "its id")
      .action(async (account: string) => {
        const keys = await (await tool.operator()).accounts.keys(account);
        await tool.show(keys, () => table(COLUMNS, keys, "The account has no keys."));
      }),
    createCommand(tool),
    command("revoke", "Revoke a key: it is refused from now on", ["keys revoke acct_acme key_0123456789AB"])
      .argument("<account>", "its id")
      .argument("<key>", "the id of the key")
      .option("--reason <text>", "why, for the log")
      .action(async (account: string, key: string, options: { readonly reason?: string }) => {
        const revoked = await (await tool.operator()).accounts.revokeKey(account, key, options);
        await tool.show(revoked, () => `${revoked.id} is revoked.`);
      }),
  ]);
}

function createCommand(tool: Tool): Command {
  return command("create", "Create a key; it is shown this once", [
    "keys create acct_acme --name laptop",
    "keys create acct_acme --name ci --scope inference,read --expires 90d",
  ])
    .argument("<account>", "its id")
    .option("--name <text>", "its name, for people")
    .option("--scope <scopes>", "what it may do: inference, read, manage; without it, everything", gathered)
    .option("--expires <instant>", "an ISO 8601 instant, or a span such as 90d", instantAhead)
    .action(async (account: string, { name, scope, expires }: CreateOptions) => {
      const { accounts } = await tool.operator();
      const made = await accounts.createKey(account, {
        ...(name === undefined ? {} : { name }),
        // The gateway knows the scopes, and says so where one is none.
        ...(scope === undefined ? {} : { scopes: scope as NonNullable<NewKey["scopes"]> }),
        ...(expires === undefined ? {} : { expires_at: expires }),
      });
      await tool.show(made, () =>
        facts([
          ["Key", made.key],
          ["Id", made.id],
          ["Name", made.name],
          ["Scopes", listed(made.scopes)],
          ["Expires", when(made.expires_at) ?? "never"],
        ]),
      );
      if (!tool.json) tool.terminal.note("Keep it now: it is not stored and cannot be shown again.");
    });
}
