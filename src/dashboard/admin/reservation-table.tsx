import type { PendingWire } from "../../wire/reservation.ts";
import { SelectField } from "../fields.tsx";
import { type Column, ShortId, Table } from "../tables.tsx";
import { creditsOfWire, WireInstant } from "../wire-text.tsx";
import { accountPath } from "./accounts.tsx";
import { FoldedForm } from "./fields.tsx";
import type { Operator } from "./operator.ts";

/** Requests that hold credits, with the way to end one by hand. */
export function ReservationTable({
  operator,
  pending,
  withAccount,
}: {
  operator: Operator;
  pending: readonly PendingWire[];
  /** Whether they are of several accounts. */
  withAccount: boolean;
}) {
  const columns = [...(withAccount ? [ACCOUNT] : []), ...COLUMNS, resolveColumn(operator)];
  return <Table columns={columns} rows={pending} nothing="Nothing is in flight." />;
}

const ACCOUNT: Column<PendingWire> = {
  label: "Account",
  show: ({ account }) => <ShortId id={account} href={accountPath(account)} />,
};

const COLUMNS: readonly Column<PendingWire>[] = [
  {
    label: "Request",
    show: ({ account, request_id, job }) => (
      <>
        <ShortId id={request_id} href={`${accountPath(account)}/requests/${request_id}`} />{" "}
        {job === null ? null : <span class="tag">job</span>}
      </>
    ),
  },
  { label: "Model", show: ({ model }) => model },
  { label: "Reserved", number: true, show: ({ reserved }) => creditsOfWire(reserved) },
  { label: "Seen so far", number: true, show: ({ seen }) => (seen === null ? "—" : creditsOfWire(seen)) },
  {
    label: "Age",
    show: ({ age_seconds, overdue }) => (
      <>
        {ageText(age_seconds)} {overdue ? <span class="tag wrong">overdue</span> : null}
      </>
    ),
  },
  { label: "Held until", show: ({ expires_at }) => <WireInstant at={expires_at} /> },
];

function resolveColumn(operator: Operator): Column<PendingWire> {
  return {
    label: "By hand",
    show: (one) => <Resolve operator={operator} reservation={one} />,
  };
}

function Resolve({ operator, reservation }: { operator: Operator; reservation: PendingWire }) {
  const { account, request_id, seen, overdue } = reservation;
  const id = `resolve-${request_id}`;
  const release = ["release", "Release: charge nothing"] as const;
  const settle = ["settle_checkpoint", "Settle: charge what was seen"] as const;
  return (
    <FoldedForm
      operator={operator}
      action={`${accountPath(account)}/reservations/${request_id}/resolve`}
      id={id}
      summary="End it"
      label="End the request"
      grave
    >
      <SelectField
        id={`${id}-action`}
        name="action"
        label="How"
        options={seen === null ? [release] : [settle, release]}
      />
      {overdue ? null : (
        <div class="choice">
          <input id={`${id}-force`} name="force" type="checkbox" value="true" required />
          <label for={`${id}-force`}>It may still be running; what it goes on to use will not be charged.</label>
        </div>
      )}
    </FoldedForm>
  );
}

function ageText(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}
