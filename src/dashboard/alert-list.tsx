import { parseCredits } from "../core/amount.ts";
import { creditsText } from "./amounts.tsx";
import { Instant } from "./instants.tsx";
import { type Column, Table } from "./tables.tsx";
import { WireInstant } from "./wire-text.tsx";

/** An alert as the API tells it. */
export interface AlertWire {
  readonly id: string;
  readonly message: string;
  readonly at: string;
  readonly acknowledged_at: string | null;
}

export interface AlertsPage {
  readonly data: readonly AlertWire[];
  readonly next_cursor: string | null;
}

/** Alerts, newest first. */
export function AlertTable({ alerts, nothing }: { alerts: readonly AlertWire[]; nothing: string }) {
  return <Table columns={COLUMNS} rows={alerts} nothing={nothing} />;
}

const COLUMNS: readonly Column<AlertWire>[] = [
  { label: "At", narrow: true, show: ({ at }) => <WireInstant at={at} /> },
  {
    label: "What",
    show: ({ message, acknowledged_at }) => (
      <>
        <AlertSentence message={message} />{" "}
        {acknowledged_at === null ? <span class="tag held">not seen yet</span> : null}
      </>
    ),
  },
];

/** Instants and exact amounts, as sentences of the API have them. */
const EXACT = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z|\d+\.\d{6})/;

/** The sentence of an alert, with its instants in the viewer's zone and its amounts as pages write them. */
export function AlertSentence({ message }: { message: string }) {
  return (
    <>
      {message.split(EXACT).map((part) => {
        if (!EXACT.test(part)) return part;
        const at = part.includes("T") ? Date.parse(part) : Number.NaN;
        if (!Number.isNaN(at)) return <Instant at={at} />;
        const amount = parseCredits(part);
        return amount === null ? part : creditsText(amount);
      })}
    </>
  );
}

/** Said on the overview: what came about and nobody has seen yet. */
export function NewAlerts({ alerts, path }: { alerts: readonly AlertWire[]; path: string }) {
  if (alerts.length === 0) return null;
  return (
    <section class="notice alerts" aria-labelledby="new-alerts">
      <h2 id="new-alerts">New alerts</h2>
      <ul class="plain">
        {alerts.slice(0, OVERVIEW_MOST).map(({ message, at }) => (
          <li>
            <span class="small soft">
              <WireInstant at={at} />
            </span>
            <span>
              <AlertSentence message={message} />
            </span>
          </li>
        ))}
      </ul>
      <p class="small">
        <a href={path}>{alerts.length > OVERVIEW_MOST ? "There are more: see all alerts" : "See all alerts"}</a>
      </p>
    </section>
  );
}

export const OVERVIEW_MOST = 3;
