import type { Account, Grant, OperatorAccount } from "../../client/types.ts";
import { type Column, facts, table } from "./table.ts";
import { credits, listed, when } from "./words.ts";

/** An account for reading: what it is, what it may use, and from where. */
export function accountText(account: Account | OperatorAccount): string {
  const { plan, status, credits: all } = account;
  const reason = "status_reason" in account && account.status_reason !== null ? ` (${account.status_reason})` : "";
  const parts = [
    facts([
      ["Account", account.id],
      ...("name" in account ? [["Name", account.name] as const] : []),
      ["Plan", `${plan.name} (${plan.id}, version ${plan.version})`],
      ["Status", status + reason],
      ["Credits", `${credits(all.available)} available, ${credits(all.reserved)} reserved, ${credits(all.used)} used`],
    ]),
  ];
  const windows = account.allowances.flatMap((allowance) => allowance.windows.map((window) => ({ allowance, window })));
  if (windows.length > 0) {
    parts.push(
      table(
        [
          { title: "ALLOWANCE", value: ({ allowance }) => allowance.id },
          { title: "WINDOW", value: ({ window }) => `${window.kind} ${window.period}` },
          { title: "USED", value: ({ window }) => credits(window.used), align: "right" },
          { title: "LIMIT", value: ({ window }) => credits(window.limit), align: "right" },
          { title: "UNIT", value: ({ allowance }) => allowance.unit },
          { title: "RESETS", value: ({ window }) => when(window.resets_at) },
        ],
        windows,
        "",
      ),
    );
  }
  if (account.gates.length > 0) parts.push(gatesText(account.gates));
  parts.push(grantsText(account.grants));
  return parts.join("\n\n");
}

function gatesText(gates: Account["gates"]): string {
  return table(
    [
      { title: "GATE", value: (gate) => gate.id },
      { title: "REMAINING", value: (gate) => credits(String(gate.remaining)), align: "right" },
      { title: "LIMIT", value: (gate) => credits(String(gate.limit)), align: "right" },
      { title: "UNIT", value: (gate) => gate.unit },
      { title: "PER", value: (gate) => gate.per },
      { title: "RESETS", value: (gate) => when(gate.resets_at) },
    ],
    gates,
    "",
  );
}

const GRANT_COLUMNS: readonly Column<Grant>[] = [
  { title: "GRANT", value: (grant) => grant.id },
  { title: "KIND", value: (grant) => grant.kind },
  { title: "REMAINING", value: (grant) => credits(grant.remaining), align: "right" },
  { title: "RESERVED", value: (grant) => credits(grant.reserved), align: "right" },
  { title: "AMOUNT", value: (grant) => credits(grant.amount), align: "right" },
  { title: "PRIORITY", value: (grant) => grant.priority, align: "right" },
  { title: "EXPIRES", value: (grant) => when(grant.expires_at) },
  { title: "FEATURES", value: (grant) => listed(grant.features) },
  { title: "REASON", value: (grant) => grant.reason },
];

/** Grants in the order in which they burn. */
export function grantsText(grants: readonly Grant[]): string {
  return table(GRANT_COLUMNS, grants, "No grant has anything left.");
}
