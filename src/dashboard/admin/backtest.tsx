import type { AccountBacktestWire, BacktestTotalsWire } from "../../wire/backtest.ts";
import { countText } from "../amounts.tsx";
import { TextField } from "../fields.tsx";
import { CsrfField } from "../layout.tsx";
import { type Column, Table } from "../tables.tsx";
import { creditsOfWire } from "../wire-text.tsx";
import { accountPath } from "./accounts.tsx";
import type { DocumentKind } from "./document-kinds.ts";
import type { Operator } from "./operator.ts";

/** What the API answers to a back-test. */
export interface BacktestAnswer {
  readonly accounts: number;
  readonly events: number;
  readonly truncated: boolean;
  readonly totals: BacktestTotalsWire;
  readonly data: readonly AccountBacktestWire[];
}

/** What was asked for, as it stands in the form. */
export interface AskedBacktest {
  /** Days, as `2026-11-22`, both included. */
  readonly from: string;
  readonly to: string;
  readonly account: string;
}

interface BacktestFormProps {
  readonly operator: Operator;
  readonly action: string;
  readonly kind: DocumentKind;
  /** The document that is tried. */
  readonly text: string;
  readonly asked: AskedBacktest;
}

/** Asks who would have paid what. Changes nothing, so it needs no reason. */
export function BacktestForm({ operator, action, kind, text, asked }: BacktestFormProps) {
  const whom = kind.backtest === "plan" ? "all that had this plan" : "all";
  return (
    <form class="row" method="post" action={action}>
      <CsrfField token={operator.csrfToken} />
      <input type="hidden" name="document" value={text} />
      <TextField id="from" name="from" label="From" type="date" value={asked.from} required />
      <TextField id="to" name="to" label="To" type="date" value={asked.to} required />
      <div class="grow">
        <TextField id="account" name="account" label="Account" value={asked.account} placeholder={whom} />
      </div>
      <button type="submit" class="quiet">
        Run the back-test
      </button>
    </form>
  );
}

/** Who would have paid what. */
export function BacktestResult({ answer: { accounts, events, truncated, totals, data } }: { answer: BacktestAnswer }) {
  return (
    <div role="status" id="back-test-result">
      <p>
        Charged requests that were run again: {countText(totals.requests)}, of {countedAccounts(accounts)}
        {truncated ? `; there was more than the ${countText(events)} events that one back-test takes` : ""}. Windows
        began empty, and each request asked for what it really used.
      </p>
      {truncated ? <p class="tag held">not all of it</p> : null}
      <Table columns={SUM_COLUMNS} rows={sumsOf(totals)} nothing="" caption="All of them together, in credits" />
      <p>
        Paying more: {countedAccounts(totals.accounts_paying_more)}. Paying less:{" "}
        {countedAccounts(totals.accounts_paying_less)}. Refused something: {countedAccounts(totals.accounts_denied)}.
      </p>
      <Table
        columns={ACCOUNT_COLUMNS}
        rows={data}
        nothing="No account had charged requests in these days."
        caption="By account, the largest difference first"
      />
    </div>
  );
}

function countedAccounts(count: number): string {
  return `${countText(count)} account${count === 1 ? "" : "s"}`;
}

interface Sum {
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

function sumsOf({ before, after, denied_before, denied_after }: BacktestTotalsWire): Sum[] {
  const sum = (name: string, of: keyof typeof before): Sum => ({
    name,
    before: creditsOfWire(before[of]),
    after: creditsOfWire(after[of]),
  });
  return [
    sum("Charged", "charged"),
    sum("by included use", "allowances"),
    sum("by credits", "grants"),
    sum("by nobody (overshoot)", "overshoot"),
    { name: "Requests refused", before: countText(denied_before), after: countText(denied_after) },
  ];
}

const SUM_COLUMNS: readonly Column<Sum>[] = [
  { label: "What", show: ({ name }) => name },
  { label: "As it was", number: true, show: ({ before }) => before },
  { label: "As it would have been", number: true, show: ({ after }) => after },
];

const ACCOUNT_COLUMNS: readonly Column<AccountBacktestWire>[] = [
  {
    label: "Account",
    show: ({ account }) => (
      <a class="id" href={accountPath(account)}>
        {account}
      </a>
    ),
  },
  { label: "Requests", number: true, show: ({ requests }) => countText(requests) },
  { label: "Paid by credits", number: true, show: ({ before }) => creditsOfWire(before.grants) },
  { label: "Would have paid", number: true, show: ({ after }) => creditsOfWire(after.grants) },
  { label: "Difference", number: true, show: ({ difference }) => signed(difference) },
  {
    label: "Refused",
    number: true,
    show: ({ denied_after, denied_after_by_reason }) =>
      denied_after === 0 ? (
        "none"
      ) : (
        <span
          title={Object.entries(denied_after_by_reason)
            .map(([reason, count]) => `${reason}: ${count}`)
            .join(", ")}
        >
          {countText(denied_after)}
        </span>
      ),
  },
];

function signed(amount: string): string {
  const text = creditsOfWire(amount);
  return amount.startsWith("-") || /^[0.]*$/.test(amount) ? text : `+${text}`;
}
