import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { UsageTotal } from "../../../client/types.ts";
import type { UsageGroup } from "../../../client/usage-query.ts";
import { command } from "../command.ts";
import { ACCOUNT_OPTION, type AccountOption, historyOf } from "../history.ts";
import { gathered, instantAgo } from "../inputs.ts";
import { type Column, table } from "../table.ts";
import type { Tool } from "../tool.ts";
import { credits } from "../words.ts";

interface UsageOptions extends AccountOption {
  readonly from?: string;
  readonly to?: string;
  readonly by: readonly UsageGroup[];
}

const GROUPS: readonly UsageGroup[] = ["day", "feature", "model"];

/** `spillway usage`: what was used and charged, in sums. */
export function usageCommand(tool: Tool): Command {
  return command("usage", "Usage and charges, summed up", [
    "usage",
    "usage --account acct_acme --from 7d --by day,model",
    "usage --from 2026-11-01 --to 2026-12-01 --by feature --json",
  ])
    .option(...ACCOUNT_OPTION)
    .option("--from <instant>", "from when: ISO 8601, or a span such as 7d (default: 30d)", instantAgo)
    .option("--to <instant>", "until when, exclusive (default: now)", instantAgo)
    .option("--by <groups>", "any of day, feature, model", groups, ["day"])
    .action(async ({ account, from, to, by }: UsageOptions) => {
      const history = await historyOf(tool, account === undefined ? {} : { account });
      const totals = await history.usage({
        groupBy: by,
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
      });
      await tool.show(totals, () => table(columnsFor(by), totals, "Nothing was used."));
    });
}

function groups(text: string): UsageGroup[] {
  return gathered(text).map((name) => {
    const known = GROUPS.find((one) => one === name);
    if (known === undefined) throw new InvalidArgumentError(`It takes any of ${GROUPS.join(", ")}.`);
    return known;
  });
}

function columnsFor(by: readonly UsageGroup[]): Column<UsageTotal>[] {
  return [
    ...GROUPS.filter((name) => by.includes(name)).map((name) => ({
      title: name.toUpperCase(),
      value: (total: UsageTotal) => total[name],
    })),
    { title: "REQUESTS", value: (total) => total.requests, align: "right" },
    { title: "DENIED", value: (total) => total.denied, align: "right" },
    { title: "INPUT", value: (total) => total.input_tokens, align: "right" },
    { title: "CACHED", value: (total) => total.cached_input_tokens, align: "right" },
    { title: "OUTPUT", value: (total) => total.output_tokens, align: "right" },
    { title: "SECONDS", value: (total) => total.seconds, align: "right" },
    { title: "CREDITS", value: (total) => credits(total.charge), align: "right" },
    { title: "REFUNDED", value: (total) => credits(total.refunded), align: "right" },
    { title: "NET", value: (total) => credits(total.net_charge), align: "right" },
  ];
}
