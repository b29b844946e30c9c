import type { Command } from "commander";
import { formatCredits } from "../../../src/core/amount.ts";
import type { LedgerSummary, Verified } from "../../verify.mjs";
import { command } from "../command.ts";
import { EXIT } from "../failure.ts";
import { verifiedFile } from "../ledger-file.ts";
import { facts } from "../table.ts";
import type { Tool } from "../tool.ts";
import { counted, credits, when } from "../words.ts";

/** `spillway verify`: an exported ledger, checked on this machine without asking any gateway. */
export function verifyCommand(tool: Tool): Command {
  return command("verify", "Verify an exported ledger without asking anybody; ends with 1 when it does not add up", [
    "verify ledger.ndjson",
    "export | spillway verify -",
  ])
    .argument("<file>", "the export; - reads standard input")
    .action(async (file: string) => {
      const verified = await verifiedFile(file);
      await tool.show(verified, () => verifiedText(verified));
      if (!verified.ok) tool.exitCode = EXIT.refused;
    });
}

function verifiedText(verified: Verified): string {
  if (!verified.ok) return `It does not add up. Line ${verified.line}: ${verified.reason}.`;
  return summaryText(verified.summary);
}

function summaryText({
  account,
  epoch,
  entries,
  firstAt,
  lastAt,
  head,
  balance,
  charges,
  totals,
}: LedgerSummary): string {
  const amount = (micro: number): string => credits(formatCredits(micro));
  const at = (instant: number | null): string | null => when(instant === null ? null : new Date(instant).toISOString());
  const paidBy = [
    `${amount(totals.debit ?? 0)} from grants`,
    `${amount(totals.allowance ?? 0)} included`,
    `${amount(totals.overshoot ?? 0)} refunded as overshoot`,
  ];
  const others = (
    [
      ["Expired", totals.expiry ?? 0],
      ["Voided", totals.void ?? 0],
      ["Refunded", totals.refund ?? 0],
    ] as const
  ).filter(([, moved]) => moved > 0);
  return [
    `Everything adds up: ${counted(entries, "entry", "entries")} of ${account}, ${epoch === 1 ? "epoch 1" : `up to epoch ${epoch}`}.`,
    facts([
      ["From", at(firstAt)],
      ["To", at(lastAt)],
      ["Granted", amount(totals.grant ?? 0)],
      ["Charged", `${amount(charges.amount)} in ${counted(charges.count, "charge")}: ${paidBy.join(", ")}`],
      ...others.map(([name, moved]) => [name, amount(moved)] as const),
      ["Balance", amount(balance)],
      ["Head", head],
    ]),
  ].join("\n");
}
