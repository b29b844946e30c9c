import type { BalanceUpdateKind } from "../../core/event.ts";
import type { HttpContext } from "../../http/context.ts";
import { type DayTotal, dailyTotals } from "../../ledger/kind-totals.ts";
import { creditsText } from "../amounts.tsx";
import { DayChart, hueOf } from "../charts/day-chart.tsx";
import { TextField } from "../fields.tsx";
import { dayText } from "../instants.tsx";
import { type Column, Table } from "../tables.tsx";
import { BASE, consolePage } from "./frame.tsx";
import { operatorOf } from "./operator.ts";

const PATH = `${BASE}/totals`;
const DAY_MS = 24 * 3_600_000;
const DAYS_USUAL = 30;
const DAYS_MOST = 366;

/** Totals of all accounts by day: what was used and paid, and what was given back or written off. */
export async function totalsPage(c: HttpContext): Promise<Response> {
  const operator = await operatorOf(c);
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const last = dayOf(c.req.query("to")) ?? today;
  const first = Math.max(dayOf(c.req.query("from")) ?? last - (DAYS_USUAL - 1) * DAY_MS, last - DAYS_MOST * DAY_MS);
  const days = await dailyTotals(c.env.DB, { accountId: null, from: first, to: last + DAY_MS });
  const children = (
    <>
      <h1>Totals by day</h1>
      <p class="lead">All accounts together, in days of UTC, as the ledger has them.</p>
      <form class="row" method="get" action={PATH}>
        <TextField id="from" name="from" label="From" type="date" value={isoDay(first)} />
        <TextField id="to" name="to" label="To" type="date" value={isoDay(last)} />
        <button type="submit" class="quiet">
          Show
        </button>
      </form>
      {days.length === 0 ? null : (
        <DayChart
          id="totals"
          title="What requests were charged, by day and by who paid"
          description={`${dayText(first)} to ${dayText(last)}. The table below has every figure.`}
          days={chartDays(days, first, last)}
          series={SERIES.map(([, name]) => name)}
        />
      )}
      <Legend />
      <Table columns={COLUMNS} rows={[...days].reverse()} nothing="Nothing moved in these days." />
    </>
  );
  return consolePage(c, operator, { title: "Totals by day", current: PATH, children });
}

/** What the colours of the chart mean. */
function Legend() {
  return (
    <ul class="legend">
      {SERIES.map(([, name], index) => (
        <li>
          <svg class="bar swatch" viewBox="0 0 10 10" aria-hidden="true">
            <rect class={hueOf(index)} width="10" height="10" />
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
}

/** A day of the query, as `2026-11-22`, in epoch ms. */
function dayOf(text: string | undefined): number | null {
  const at = /^\d{4}-\d\d-\d\d$/.test(text ?? "") ? Date.parse(text ?? "") : Number.NaN;
  return Number.isNaN(at) ? null : at;
}

function isoDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** Who paid what of the charges; together they are the charges. */
const SERIES: readonly (readonly [kind: BalanceUpdateKind, name: string])[] = [
  ["debit", "credits"],
  ["allowance", "included use"],
  ["overshoot", "nobody (overshoot)"],
];

function chartDays(days: readonly DayTotal[], first: number, last: number) {
  const known = new Map(days.map((day) => [day.day, day]));
  const all: { day: string; amounts: Record<string, number> }[] = [];
  for (let at = first; at <= last; at += DAY_MS) {
    const day = isoDay(at);
    const total = known.get(day);
    all.push({
      day,
      amounts: Object.fromEntries(SERIES.map(([kind, name]) => [name, total ? amountOf(total, kind) : 0])),
    });
  }
  return all;
}

function amountOf({ totals }: DayTotal, kind: BalanceUpdateKind): number {
  return totals.find((total) => total.kind === kind)?.amount ?? 0;
}

function amountColumn(label: string, kind: BalanceUpdateKind): Column<DayTotal> {
  return { label, number: true, show: (day) => creditsText(amountOf(day, kind)) };
}

const COLUMNS: readonly Column<DayTotal>[] = [
  { label: "Day", show: ({ day }) => <time datetime={day}>{dayText(Date.parse(day))}</time> },
  amountColumn("Paid by credits", "debit"),
  amountColumn("Included use", "allowance"),
  amountColumn("Overshoot refunded", "overshoot_refund"),
  amountColumn("Granted", "grant"),
  amountColumn("Given back", "refund"),
  amountColumn("Expired", "expiry"),
  amountColumn("Voided", "void"),
];
