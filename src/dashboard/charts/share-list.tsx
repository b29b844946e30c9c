import { creditsText } from "../amounts.tsx";
import { hueOf } from "./day-chart.tsx";

/** A part of a total, in micro-credits. */
export interface Share {
  readonly name: string;
  readonly amount: number;
  readonly requests: number;
}

const WIDTH = 1_000;
/** The colour of what a chart does not tell apart. */
const OTHERS_HUE = 5;

/** Parts of a total, the largest first, each with its bar; `series` says which colour a name has in the chart, if any. */
export function ShareList({ shares, series }: { shares: readonly Share[]; series: readonly string[] }) {
  const all = shares.reduce((sum, { amount }) => sum + amount, 0);
  const most = Math.max(...shares.map(({ amount }) => amount), 1);
  return (
    <ol class="shares">
      {shares.map(({ name, amount, requests }) => {
        const place = series.indexOf(name);
        const colour = series.length === 0 ? "used" : hueOf(place < 0 ? OTHERS_HUE : place);
        return (
          <li>
            <span class="name">{name}</span>
            <span class="amount">
              {creditsText(amount)} <span class="soft">{percent(amount, all)}</span>
            </span>
            <svg class="bar" viewBox={`0 0 ${WIDTH} 10`} preserveAspectRatio="none" aria-hidden="true">
              <rect class={colour} width={(amount / most) * WIDTH} height="10" />
            </svg>
            <span class="soft small">
              {requests} request{requests === 1 ? "" : "s"}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function percent(amount: number, all: number): string {
  if (all === 0) return "";
  const share = (amount / all) * 100;
  return share > 0 && share < 1 ? "<1 %" : `${Math.round(share)} %`;
}
