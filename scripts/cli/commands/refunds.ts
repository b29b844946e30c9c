import type { Command } from "commander";
import { command, group } from "../command.ts";
import { facts } from "../table.ts";
import type { Tool } from "../tool.ts";
import { credits, when } from "../words.ts";

interface AddOptions {
  readonly reason: string;
  readonly amount?: string;
  readonly idempotencyKey?: string;
}

export function refundCommands(tool: Tool): Command {
  return group("refunds", "Give credits of a request's charge back", [
    command("add", "Refund a request, wholly or in part, to the grants that paid it", [
      'refunds add acct_acme req_0193… --reason "the answer was cut off"',
      'refunds add acct_acme req_0193… --amount 0.25 --reason "goodwill" --idempotency-key case-7',
    ])
      .argument("<account>", "its id")
      .argument("<request>", "the id of the request")
      .requiredOption("--reason <text>", "why; it stands in the ledger")
      .option("--amount <credits>", "how much; without it, all that is left of the charge")
      .option("--idempotency-key <key>", "the same key counts once, however often it is sent")
      .action(async (account: string, request: string, { reason, amount, idempotencyKey }: AddOptions) => {
        const { accounts } = await tool.operator();
        const refund = await accounts.refund(
          account,
          { request_id: request, reason, ...(amount === undefined ? {} : { amount }) },
          idempotencyKey === undefined ? {} : { idempotencyKey },
        );
        await tool.show(refund, () =>
          facts([
            ["Refund", refund.id],
            ["Request", refund.request_id],
            ["Amount", credits(refund.amount)],
            ["Reason", refund.reason],
            ["At", when(refund.at)],
          ]),
        );
      }),
  ]);
}
