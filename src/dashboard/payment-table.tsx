import { moneyText } from "./money.ts";
import { type Column, ShortId, Table } from "./tables.tsx";
import { spokenCredits, WireInstant } from "./wire-text.tsx";

/** A payment as the API tells it. Money is in the smallest unit of its currency. */
export interface PaymentWire {
  readonly id: string;
  readonly kind: "checkout" | "top_up";
  readonly state: "pending" | "paid" | "failed" | "paid_back";
  readonly pack: string;
  readonly credits: string;
  readonly amount: number;
  readonly currency: string;
  readonly refunded: number;
  readonly lost: number;
  readonly dispute: "inquiry" | "open" | "won" | "lost" | null;
  readonly reclaimed: string;
  readonly created_at: string;
}

/** Payments, newest first. */
export function PaymentTable<Payment extends PaymentWire>({
  payments,
  nothing,
  more = [],
}: {
  payments: readonly Payment[];
  nothing: string;
  /** What is to be known beside it. */
  more?: readonly Column<Payment>[];
}) {
  return <Table columns={[...COLUMNS, ...more]} rows={payments} nothing={nothing} />;
}

const COLUMNS: readonly Column<PaymentWire>[] = [
  { label: "At", show: ({ created_at }) => <WireInstant at={created_at} /> },
  {
    label: "What",
    show: ({ id, kind, credits }) => (
      <>
        {spokenCredits(credits)} credits {kind === "top_up" ? <span class="soft small">automatically</span> : null}
        <br />
        <span class="soft small">
          <ShortId id={id} />
        </span>
      </>
    ),
  },
  { label: "Price", number: true, show: ({ amount, currency }) => moneyText(amount, currency) },
  { label: "State", show: ({ state }) => <State state={state} /> },
  { label: "Taken back", show: (payment) => <TakenBack payment={payment} /> },
];

const STATES: Readonly<Record<PaymentWire["state"], readonly [tone: string, text: string]>> = {
  pending: ["held", "on its way"],
  paid: ["good", "paid"],
  failed: ["wrong", "failed"],
  paid_back: ["", "paid back"],
};

function State({ state }: Pick<PaymentWire, "state">) {
  const [tone, text] = STATES[state];
  return <span class={`tag ${tone}`}>{text}</span>;
}

const DISPUTES: Readonly<Record<NonNullable<PaymentWire["dispute"]>, readonly [tone: string, text: string]>> = {
  inquiry: ["held", "bank asks"],
  open: ["wrong", "disputed"],
  won: ["good", "dispute won"],
  lost: ["wrong", "dispute lost"],
};

/** Refunds and disputes, and the credits that went with them. */
function TakenBack({ payment: { refunded, lost, dispute, reclaimed, currency } }: { payment: PaymentWire }) {
  const [tone, text] = dispute === null ? ["", null] : DISPUTES[dispute];
  if (refunded + lost === 0 && text === null) return <>—</>;
  return (
    <>
      {text === null ? null : <span class={`tag ${tone}`}>{text}</span>}{" "}
      {refunded > 0 ? `${moneyText(refunded, currency)} refunded` : null}
      {refunded > 0 && lost > 0 ? ", " : null}
      {lost > 0 ? `${moneyText(lost, currency)} lost` : null}
      {Number(reclaimed) === 0 ? null : <span class="soft small"> with {spokenCredits(reclaimed)} credits</span>}
    </>
  );
}
