import type { Command } from "commander";
import type { Receipt, UsageEvent } from "../../../client/types.ts";
import { pricesText } from "../../../src/wire/prices.ts";
import { command, group } from "../command.ts";
import { ACCOUNT_OPTION, type AccountOption, historyOf } from "../history.ts";
import { wholeNumber } from "../inputs.ts";
import { type Column, facts, table } from "../table.ts";
import type { Tool } from "../tool.ts";
import { counted, credits, when } from "../words.ts";

const LISTED = 20;

interface ListOptions extends AccountOption {
  readonly limit: number;
}

const COLUMNS: readonly Column<UsageEvent>[] = [
  { title: "AT", value: (event) => when(event.at) },
  { title: "REQUEST", value: (event) => event.request_id },
  { title: "MODEL", value: (event) => event.model },
  { title: "OUTCOME", value: (event) => event.outcome },
  { title: "INPUT", value: (event) => event.usage.input_tokens, align: "right" },
  { title: "OUTPUT", value: (event) => event.usage.output_tokens, align: "right" },
  { title: "CHARGED", value: (event) => event.charge && credits(event.charge), align: "right" },
  { title: "KEY", value: (event) => event.key_id },
];

export function requestCommands(tool: Tool): Command {
  return group("requests", "Requests of an account: list them, show a receipt", [
    command("list", "List requests that have ended, newest first", [
      "requests list",
      "requests list --account acct_acme --limit 100",
    ])
      .option(...ACCOUNT_OPTION)
      .option("--limit <number>", "how many at most", wholeNumber, LISTED)
      .action(async ({ limit, ...whose }: ListOptions) => {
        const history = await historyOf(tool, whose);
        const events = await history.requests({ limit: Math.max(1, Math.min(limit, 500)) }).all(limit);
        await tool.show(events, () => table(COLUMNS, events, "There are no requests yet."));
      }),
    command("show", "Show the receipt of a request: who paid how much, and why", [
      "requests show req_0193…",
      "requests show req_0193… --account acct_acme",
    ])
      .argument("<request>", "its id: the x-request-id of its answer")
      .option(...ACCOUNT_OPTION)
      .action(async (id: string, whose: AccountOption) => {
        const receipt = await (await historyOf(tool, whose)).receipt(id);
        await tool.show(receipt, () => receiptText(receipt));
      }),
  ]);
}

/** What a request was charged for: all that its price may count. */
function usedText({
  input_tokens,
  cached_input_tokens,
  output_tokens,
  seconds,
  size,
  calls,
}: UsageEvent["usage"]): string {
  const parts: string[] = [];
  const cached = cached_input_tokens > 0 ? ` (${cached_input_tokens} cached)` : "";
  if (input_tokens > 0 || output_tokens > 0)
    parts.push(`${input_tokens} input${cached}, ${output_tokens} output tokens`);
  if (seconds > 0) parts.push(`${counted(seconds, "second")}${size === null ? "" : ` of ${size}`}`);
  for (const [call, times] of Object.entries(calls)) if (times > 0) parts.push(`${times} × ${call}`);
  return parts.length === 0 ? "nothing" : parts.join(", ");
}

/** By which rate card a request was priced, and at what. */
function pricedText({ decision: { rate_card }, prices, usage }: Receipt): string | null {
  if (rate_card === null) return null;
  const paid = prices && usage ? pricesText(prices, usage) : "";
  return `${rate_card.id}, version ${rate_card.version}${paid === "" ? "" : ` (${paid})`}`;
}

function receiptText(receipt: Receipt): string {
  const { decision, reservation, usage, charge, ledger } = receipt;
  const parts = [
    receipt.sentence,
    facts([
      ["Request", receipt.request_id],
      ["At", when(receipt.at)],
      ["Model", `${receipt.model} (${receipt.feature})`],
      ["Key", receipt.key_id],
      ["Plan", `${decision.plan.id}, version ${decision.plan.version}`],
      ["Prices", pricedText(receipt)],
      ["State", reservation?.state ?? "denied"],
      ["Reserved", reservation && credits(reservation.estimated)],
      ["Used", usage && usedText(usage)],
      ["Charged", charge && credits(charge.amount)],
      ["Returned", charge && credits(charge.returned)],
      ...(charge && Number(charge.refunded) > 0 ? [["Refunded", credits(charge.refunded)] as const] : []),
      ["Ledger", ledger && `entry ${ledger.seq}${ledger.confirmed ? "" : ", on its way"}`],
    ]),
  ];
  const paid = new Map(charge?.posted.map(({ source, amount }) => [source, amount]));
  parts.push(
    table(
      [
        { title: "LOOKED AT", value: (one) => one.source },
        { title: "KIND", value: (one) => one.kind },
        { title: "AVAILABLE", value: (one) => credits(one.available), align: "right" },
        { title: "TAKEN", value: (one) => credits(one.taken), align: "right" },
        { title: "UNIT", value: (one) => one.unit },
        { title: "PAID", value: (one) => credits(paid.get(one.source) ?? ""), align: "right" },
      ],
      decision.considered,
      "No limit and no source was looked at.",
    ),
  );
  return parts.join("\n\n");
}
