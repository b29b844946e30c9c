import { PaymentTable, type PaymentWire } from "../payment-table.tsx";
import { type Column, ShortId } from "../tables.tsx";
import { creditsOfWire } from "../wire-text.tsx";
import { accountPath } from "./accounts.tsx";

/** A payment as the admin API tells it. */
export interface OperatorPaymentWire extends PaymentWire {
  readonly account: string;
  /** Stripe's own id. */
  readonly provider_id: string;
  readonly shortfall: string;
}

export interface OperatorPaymentsPage {
  readonly data: readonly OperatorPaymentWire[];
  readonly next_cursor: string | null;
}

/** Payments with what an operator looks for. */
export function OperatorPaymentTable({
  payments,
  withAccount,
}: {
  payments: readonly OperatorPaymentWire[];
  withAccount: boolean;
}) {
  return (
    <PaymentTable
      payments={payments}
      nothing="No payment has arrived, and none is on its way."
      more={withAccount ? [ACCOUNT, ...COLUMNS] : COLUMNS}
    />
  );
}

const ACCOUNT: Column<OperatorPaymentWire> = {
  label: "Account",
  show: ({ account }) => <ShortId id={account} href={accountPath(account)} />,
};

const COLUMNS: readonly Column<OperatorPaymentWire>[] = [
  {
    label: "Used before",
    number: true,
    show: ({ shortfall }) => (Number(shortfall) === 0 ? "—" : creditsOfWire(shortfall)),
  },
  { label: "At Stripe", show: ({ provider_id }) => <ShortId id={provider_id} /> },
];
