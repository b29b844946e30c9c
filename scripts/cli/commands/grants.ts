import { type Command, Option } from "commander";
import type { Grant, NewGrant } from "../../../client/types.ts";
import { grantsText } from "../account-text.ts";
import { command, group } from "../command.ts";
import { gathered, instantAhead, wholeNumber } from "../inputs.ts";
import { facts } from "../table.ts";
import type { Tool } from "../tool.ts";
import { credits, listed, when } from "../words.ts";

interface AddOptions {
  readonly kind: NewGrant["kind"];
  readonly reason: string;
  readonly priority?: number;
  readonly effective?: string;
  readonly expires?: string;
  readonly feature?: string[];
  readonly idempotencyKey?: string;
}

const KINDS: readonly NewGrant["kind"][] = ["promotional", "entitlement", "paid", "adjustment"];

export function grantCommands(tool: Tool): Command {
  return group("grants", "Credits of an account: list, add, void", [
    command("list", "List the grants of an account that have something left, in burn order", ["grants list acct_acme"])
      .argument("<account>", "its id")
      .action(async (account: string) => {
        const { grants } = await (await tool.operator()).accounts.get(account);
        await tool.show(grants, () => grantsText(grants));
      }),
    addCommand(tool),
    command("void", "Take away what is left of a grant", [
      'grants void acct_acme grt_0123456789abcdef --reason "given by mistake"',
    ])
      .argument("<account>", "its id")
      .argument("<grant>", "the id of the grant")
      .requiredOption("--reason <text>", "why; it stands in the ledger")
      .action(async (account: string, id: string, { reason }: Pick<AddOptions, "reason">) => {
        await showGrant(tool, await (await tool.operator()).accounts.voidGrant(account, id, reason));
      }),
  ]);
}

function addCommand(tool: Tool): Command {
  return command("add", "Grant credits to an account", [
    'grants add acct_acme 25 --kind paid --reason "Order 1" --idempotency-key order-1',
    'grants add acct_acme 5 --kind promotional --reason "Welcome" --expires 30d --feature codex',
  ])
    .argument("<account>", "its id")
    .argument("<amount>", "credits, such as 25 or 0.5")
    .addOption(new Option("--kind <kind>", "what the credits are").choices(KINDS).makeOptionMandatory())
    .requiredOption("--reason <text>", "why; the account's holder sees it")
    .option("--priority <number>", "smaller burns first (default: 50)", wholeNumber)
    .option("--effective <instant>", "from when it can be used: ISO 8601, or a span such as 7d", instantAhead)
    .option("--expires <instant>", "until when: ISO 8601, or a span such as 30d", instantAhead)
    .option("--feature <features>", "only for these features; without it, for all", gathered)
    .option("--idempotency-key <key>", "the same key counts once, however often it is sent")
    .action(async (account: string, amount: string, options: AddOptions) => {
      const { kind, reason, priority, effective, expires, feature, idempotencyKey } = options;
      const terms: NewGrant = {
        amount,
        kind,
        reason,
        ...(priority === undefined ? {} : { priority }),
        ...(effective === undefined ? {} : { effective_at: effective }),
        ...(expires === undefined ? {} : { expires_at: expires }),
        ...(feature === undefined ? {} : { features: feature }),
      };
      const { accounts } = await tool.operator();
      const once = idempotencyKey === undefined ? {} : { idempotencyKey };
      await showGrant(tool, await accounts.grant(account, terms, once));
    });
}

function showGrant(tool: Tool, grant: Grant): Promise<void> {
  return tool.show(grant, () =>
    facts([
      ["Grant", grant.id],
      ["Kind", grant.kind],
      ["Amount", credits(grant.amount)],
      ["Remaining", credits(grant.remaining)],
      ["Priority", grant.priority],
      ["Effective", when(grant.effective_at)],
      ["Expires", when(grant.expires_at) ?? "never"],
      ["Features", listed(grant.features)],
      ["Reason", grant.reason],
      ...(grant.voided_at === null ? [] : [["Voided", when(grant.voided_at)] as const]),
    ]),
  );
}
