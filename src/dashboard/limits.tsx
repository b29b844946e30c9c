import type { AllowanceView, GateView } from "../core/account-view.ts";
import type { WindowRule } from "../core/window.ts";
import { quantityOf, unitName } from "./amounts.tsx";
import { Bar, BarLegend } from "./charts/bar.tsx";
import { fullAt } from "./forecast.ts";
import { Countdown, Instant } from "./instants.tsx";

/** The allowances of a plan: every window as a bar, with what is left and when it comes back. */
export function Allowances({ allowances, now }: { allowances: readonly AllowanceView[]; now: number }) {
  if (allowances.length === 0) return <p class="nothing">Your plan includes no use; everything is paid by credits.</p>;
  return (
    <>
      {allowances.map((allowance) => (
        <article class="source">
          <header>
            <h3>{allowance.id}</h3>
            <span class="soft small">{coverage(allowance)}</span>
          </header>
          {allowance.windows.map((window) => (
            <WindowMeter unit={allowance.unit} window={window} now={now} />
          ))}
        </article>
      ))}
      <BarLegend
        entries={[
          { kind: "used", text: "used" },
          { kind: "held", text: "reserved by requests in flight" },
          { kind: "room", text: "left" },
        ]}
      />
    </>
  );
}

type Window = AllowanceView["windows"][number];

function WindowMeter({ unit, window, now }: { unit: AllowanceView["unit"]; window: Window; now: number }) {
  const { rule, used, held, remaining, resetsAt } = window;
  const name = windowName(rule);
  const of = `${quantityOf(unit, remaining)} of ${quantityOf(unit, rule.limit)} ${unitName(unit)} left`;
  const soon = fullAt(window, now);
  return (
    <div class="meter">
      <p>{name}</p>
      <Bar
        label={`${name}: ${of}`}
        parts={[
          { kind: "used", share: used / rule.limit },
          { kind: "held", share: held / rule.limit },
        ]}
      />
      <p class="amount">{of}</p>
      <p class="until">
        {resetsAt === null ? (
          "opens with its first use"
        ) : (
          <>
            resets <Countdown at={resetsAt} />
          </>
        )}
      </p>
      {soon === null ? null : (
        <p class="warning">
          At its present pace it is full by <Instant at={soon} />.
        </p>
      )}
    </div>
  );
}

function coverage({ features, models }: AllowanceView): string {
  const what = features === null ? "for everything" : `for ${features.join(", ")}`;
  return models === null ? what : `${what}: ${models.join(", ")}`;
}

const SPANS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
] as const;

/** A window in words: 5 hours, Month in Europe/Berlin. */
function windowName(rule: WindowRule): string {
  if (rule.kind === "calendar") return `${rule.unit[0]?.toUpperCase()}${rule.unit.slice(1)} in ${rule.timeZone}`;
  const [name, length] = SPANS.find(([, length]) => rule.periodMs % length === 0) ?? ["ms", 1];
  const count = rule.periodMs / length;
  const span = `${count} ${name}${count === 1 ? "" : "s"}`;
  return rule.kind === "sliding" ? `${span}, sliding` : span;
}

/** The gates of a plan: limits that credits do not lift. */
export function Gates({ gates }: { gates: readonly GateView[] }) {
  if (gates.length === 0) return <p class="nothing">Your plan has no further limits.</p>;
  return (
    <table class="stacks">
      <thead>
        <tr>
          <th scope="col">Limit</th>
          <th scope="col">Counts</th>
          <th scope="col" class="number">
            Left now
          </th>
          <th scope="col" class="number">
            At most
          </th>
          <th scope="col">Room comes back</th>
        </tr>
      </thead>
      <tbody>
        {gates.map((gate) => (
          <tr>
            <th scope="row" data-label="Limit">
              <span class="cell">{gate.id}</span>
            </th>
            <td data-label="Counts">
              <span class="cell">
                {unitName(gate.unit)}
                {gate.per === "key" ? " of each key" : ""}
              </span>
            </td>
            <td class="number" data-label="Left now">
              <span class="cell">{quantityOf(gate.unit, gate.remaining)}</span>
            </td>
            <td class="number" data-label="At most">
              <span class="cell">{quantityOf(gate.unit, gate.limit)}</span>
            </td>
            <td data-label="Room comes back">
              <span class="cell">{gate.resetsAt === null ? "—" : <Countdown at={gate.resetsAt} />}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
