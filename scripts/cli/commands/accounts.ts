import type { Command } from "commander";
import type { AccountQuery } from "../../../client/operator-accounts.ts";
import type { OperatorAccount, ReopenedAccount } from "../../../client/types.ts";
import { accountText } from "../account-text.ts";
import { command, group } from "../command.ts";
import { wholeNumber } from "../inputs.ts";
import { facts, table } from "../table.ts";
import type { Tool } from "../tool.ts";
import { counted, credits, when } from "../words.ts";

const LISTED = 50;

interface ListOptions {
  readonly search?: string;
  readonly sort?: NonNullable<AccountQuery["sort"]>;
  readonly limit: number;
}

interface CreateOptions {
  readonly plan: string;
  readonly id?: string;
  readonly name?: string;
}

interface ReasonOption {
  readonly reason: string;
}

interface ReopenOptions extends ReasonOption {
  readonly plan?: string;
}

export function accountCommands(tool: Tool): Command {
  return group("accounts", "Accounts: find, show, create, suspend, reopen, change the plan", [
    listCommand(tool),
    command("show", "Show an account: plan, limits, credits and grants", ["accounts show acct_acme"])
      .argument("<account>", "its id")
      .action(async (id: string) => showAccount(tool, await (await tool.operator()).accounts.get(id))),
    createCommand(tool),
    statusCommand(tool, "suspend", "suspended", "Suspend an account: all its requests are refused", "unpaid invoice"),
    statusCommand(tool, "activate", "active", "Open an account that was suspended or frozen", "invoice was paid"),
    reopenCommand(tool),
    command("plan", "Put an account on a plan; it counts from the next request on", ["accounts plan acct_acme pro"])
      .argument("<account>", "its id")
      .argument("<plan>", "the id of the plan")
      .option("--reason <text>", "why, for the log")
      .action(async (id: string, plan: string, { reason }: Partial<ReasonOption>) => {
        const patch = { plan, ...(reason === undefined ? {} : { reason }) };
        await showAccount(tool, await (await tool.operator()).accounts.update(id, patch));
      }),
  ]);
}

function listCommand(tool: Tool): Command {
  return command("list", "List accounts", [
    "accounts list",
    "accounts list --search acme",
    "accounts list --sort balance --limit 10",
  ])
    .option("--search <text>", "a part of the id or of the name")
    .option("--sort <field>", "created_at, name, id or balance")
    .option("--limit <number>", "how many at most", wholeNumber, LISTED)
    .action(async ({ limit, ...query }: ListOptions) => {
      const { accounts } = await tool.operator();
      const found = await accounts.list({ ...query, limit: Math.max(1, Math.min(limit, 500)) }).all(limit);
      const columns = [
        { title: "ACCOUNT", value: (row: (typeof found)[number]) => row.id },
        { title: "NAME", value: (row: (typeof found)[number]) => row.name },
        { title: "BALANCE", value: (row: (typeof found)[number]) => credits(row.balance), align: "right" as const },
        { title: "ENTRIES", value: (row: (typeof found)[number]) => row.entries, align: "right" as const },
        { title: "CREATED", value: (row: (typeof found)[number]) => when(row.created_at) },
        { title: "LAST ENTRY", value: (row: (typeof found)[number]) => when(row.last_entry_at) },
      ];
      await tool.show(found, () => table(columns, found, "There are no such accounts."));
    });
}

function createCommand(tool: Tool): Command {
  return command("create", "Create an account", [
    "accounts create --plan plus",
    'accounts create --plan plus --id acct_acme --name "Acme Ltd"',
  ])
    .requiredOption("--plan <id>", "its plan")
    .option("--id <id>", "its id; without it, one is made up")
    .option("--name <text>", "its name, for people")
    .action(async (account: CreateOptions) => {
      await showAccount(tool, await (await tool.operator()).accounts.create(account));
    });
}

function statusCommand(
  tool: Tool,
  name: string,
  status: "active" | "suspended",
  summary: string,
  reason: string,
): Command {
  return command(name, summary, [`accounts ${name} acct_acme --reason "${reason}"`])
    .argument("<account>", "its id")
    .requiredOption("--reason <text>", "why; it is kept in the log and shown to operators")
    .action(async (id: string, { reason }: ReasonOption) => {
      await showAccount(tool, await (await tool.operator()).accounts.update(id, { status, reason }));
    });
}

function reopenCommand(tool: Tool): Command {
  return command("reopen", "Let an account go on from its ledger after its object was restored or lost", [
    'accounts reopen acct_acme --reason "object restored to 12:00, ticket 4711"',
    'accounts reopen acct_acme --plan plus --reason "object lost"',
  ])
    .argument("<account>", "its id; it must be frozen or suspended")
    .requiredOption("--reason <text>", "why; it is kept in the log and in the ledger")
    .option("--plan <id>", "its plan; without it, the one that it was put on last")
    .action(async (id: string, reopening: ReopenOptions) => {
      const reopened = await (await tool.operator()).accounts.reopen(id, reopening);
      await tool.show(reopened, () => reopenedText(reopened));
    });
}

function reopenedText({ account, epoch, seq, head, balance, status, plan, grants, keys }: ReopenedAccount): string {
  return [
    facts([
      ["Account", account],
      ["Epoch", `${epoch}, from entry ${seq} on`],
      ["Balance", `${credits(balance)} carried over, ${counted(grants, "grant")} with something left`],
      ["Plan", plan],
      ["Keys", `${keys} that are not revoked`],
      ["Status", status],
      ["Head", head],
    ]),
    "",
    `Look through its keys: those made since are gone, those revoked since are good again (spillway keys list ${account}).`,
    `Then: spillway reconcile --account ${account} and spillway accounts activate ${account} --reason …`,
  ].join("\n");
}

function showAccount(tool: Tool, account: OperatorAccount): Promise<void> {
  return tool.show(account, () => accountText(account));
}
