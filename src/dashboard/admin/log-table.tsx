import type { AdminLogWire } from "../../catalog/admin-log.ts";
import { type Column, ShortId, Table } from "../tables.tsx";
import { WireInstant } from "../wire-text.tsx";
import { accountPath } from "./accounts.tsx";

/** What operators did, newest first. */
export function LogTable({ entries, withAccount }: { entries: readonly AdminLogWire[]; withAccount: boolean }) {
  const columns = withAccount ? COLUMNS : COLUMNS.filter((column) => column !== ACCOUNT);
  return <Table columns={columns} rows={entries} nothing="Nothing was done yet." />;
}

const ACCOUNT: Column<AdminLogWire> = {
  label: "Account",
  show: ({ account }) => (account === null ? "—" : <ShortId id={account} href={accountPath(account)} />),
};

const COLUMNS: readonly Column<AdminLogWire>[] = [
  { label: "At", show: ({ at }) => <WireInstant at={at} /> },
  { label: "Who", show: ({ actor }) => actor },
  {
    label: "Did",
    show: (entry) => (
      <>
        <span class="tag">{entry.action}</span> {entry.target === null ? null : <ShortId id={entry.target} />}
        <Details entry={entry} />
      </>
    ),
  },
  ACCOUNT,
  { label: "Reason", show: ({ reason }) => reason ?? "—" },
];

function Details({ entry: { before, after, request_id } }: { entry: AdminLogWire }) {
  return (
    <details class="small">
      <summary>What changed</summary>
      <dl class="facts">
        {before === null ? null : (
          <>
            <dt>Before</dt>
            <dd>
              <code>{JSON.stringify(before)}</code>
            </dd>
          </>
        )}
        {after === null ? null : (
          <>
            <dt>After</dt>
            <dd>
              <code>{JSON.stringify(after)}</code>
            </dd>
          </>
        )}
        <dt>Request</dt>
        <dd class="id">{request_id}</dd>
      </dl>
    </details>
  );
}
