import { type Column, ShortId, Table } from "../tables.tsx";
import { WireInstant } from "../wire-text.tsx";
import { accountPath } from "./accounts.tsx";
import { FoldedForm } from "./fields.tsx";
import type { Operator } from "./operator.ts";

/** What was told of a payment and could not be followed, as the admin API tells it. */
export interface ParkedWire {
  readonly id: string;
  readonly payment: string;
  readonly account: string | null;
  readonly reason: string;
  readonly event: Readonly<Record<string, unknown>>;
  readonly received_at: string;
  readonly resolved_at: string | null;
  readonly resolution: string | null;
}

interface ParkedProps {
  readonly operator: Operator;
  readonly parked: readonly ParkedWire[];
  /** What can be done to one is below it. */
  readonly action: string;
  /** Trying again needs the payment provider. */
  readonly canRedrive: boolean;
}

/** What waits, and behind a fold what somebody has decided about. */
export function ParkedTable(props: ParkedProps) {
  const waiting = props.parked.filter(({ resolved_at }) => resolved_at === null);
  const decided = props.parked.filter(({ resolved_at }) => resolved_at !== null);
  return (
    <>
      <Table columns={[...COLUMNS, byHand(props)]} rows={waiting} nothing="Nothing waits." />
      {decided.length === 0 ? null : (
        <details>
          <summary>{decided.length} that somebody has decided about</summary>
          <Table columns={[...COLUMNS, DECIDED]} rows={decided} nothing="" />
        </details>
      )}
    </>
  );
}

const COLUMNS: readonly Column<ParkedWire>[] = [
  { label: "Event", show: ({ id }) => <ShortId id={id} /> },
  {
    label: "Account",
    show: ({ account }) => (account === null ? "—" : <ShortId id={account} href={accountPath(account)} />),
  },
  { label: "Why", show: ({ reason }) => reason.replaceAll("_", " ") },
  { label: "Came", show: ({ received_at }) => <WireInstant at={received_at} /> },
  {
    label: "What was told",
    show: ({ event }) => (
      <details>
        <summary>Show</summary>
        <pre tabindex={0}>{JSON.stringify(event, withoutSeal, 2)}</pre>
      </details>
    ),
  },
];

/** The seal proves the order to the gateway; nobody reads it. */
function withoutSeal(name: string, value: unknown): unknown {
  return name === "spillway_seal" ? undefined : value;
}

const DECIDED: Column<ParkedWire> = {
  label: "Decided",
  show: ({ resolved_at, resolution }) => (
    <>
      {resolution} <WireInstant at={resolved_at} />
    </>
  ),
};

function byHand({ operator, action, canRedrive }: ParkedProps): Column<ParkedWire> {
  return {
    label: "By hand",
    show: ({ id }) => (
      <>
        {canRedrive ? (
          <FoldedForm
            operator={operator}
            action={`${action}/${id}/redrive`}
            id={`redrive-${id}`}
            summary="Try again"
            label="Try again"
          />
        ) : null}
        <FoldedForm
          operator={operator}
          action={`${action}/${id}/dismiss`}
          id={`dismiss-${id}`}
          summary="Dismiss"
          label="Dismiss for good"
          grave
        />
      </>
    ),
  };
}
