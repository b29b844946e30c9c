import { sum } from "../core/amount.ts";
import type { HttpContext } from "../http/context.ts";
import { type UsageTotal, usageTotals } from "../ledger/usage-report.ts";
import { CreditsFigure, countText, creditsText } from "./amounts.tsx";
import { DayChart } from "./charts/day-chart.tsx";
import { ShareList } from "./charts/share-list.tsx";
import { dayText } from "./instants.tsx";
import { page } from "./page.tsx";
import { daysOf, type Split, seriesOf, sharesOf } from "./usage-figures.ts";
import { frameOf, visitOf } from "./visit.ts";

const DAY_MS = 24 * 3_600_000;
const SPANS = [7, 30, 90] as const;

/** What was used and charged, by day, feature and model. */
export async function usage(c: HttpContext): Promise<Response> {
  const visit = await visitOf(c);
  const used = await usedBy(c, visit.account.id);
  const children = (
    <>
      <h1>Usage</h1>
      <p class="lead">
        What your requests were charged, whoever paid for it: included use or credits. Days are days in UTC.
      </p>
      <UsageView path="/dashboard/usage" used={used} jsonPath="/api/usage" />
    </>
  );
  return page(c, { ...frameOf(visit, "Usage", "/dashboard/usage"), children });
}

/** What was asked of a report, and what it comes to. */
export interface Used {
  readonly days: (typeof SPANS)[number];
  readonly split: Split;
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
  readonly totals: readonly UsageTotal[];
}

/** What an account used in the days that the page is asked for. */
export async function usedBy(c: HttpContext, accountId: string): Promise<Used> {
  const days = SPANS.find((span) => String(span) === c.req.query("days")) ?? 30;
  const split: Split = c.req.query("by") === "feature" ? "feature" : "model";
  const to = (Math.floor(Date.now() / DAY_MS) + 1) * DAY_MS;
  const from = to - days * DAY_MS;
  const totals = await usageTotals(c.env.DB, accountId, { from, to, groupBy: ["day", "feature", "model"] });
  return { days, split, from, to, totals };
}

interface UsageViewProps {
  /** Where other days are asked for. */
  readonly path: string;
  readonly used: Used;
  /** Where the same is told as JSON; `null` when it is not linked. */
  readonly jsonPath: string | null;
}

/** A report of use, and the choice of another. */
export function UsageView({ path, used, jsonPath }: UsageViewProps) {
  const { days, split, totals } = used;
  return (
    <>
      <Choices path={path} days={days} split={split} />
      {totals.length === 0 ? (
        <p class="nothing">Nothing was used in the last {days} days.</p>
      ) : (
        <Report used={used} jsonPath={jsonPath} />
      )}
    </>
  );
}

function Choices({ path, days, split }: { path: string; days: number; split: Split }) {
  return (
    <form class="row" method="get" action={path}>
      <div class="field">
        <label for="days">Period</label>
        <select id="days" name="days">
          {SPANS.map((span) => (
            <option value={String(span)} selected={span === days}>
              Last {span} days
            </option>
          ))}
        </select>
      </div>
      <div class="field">
        <label for="by">Told apart by</label>
        <select id="by" name="by">
          <option value="model" selected={split === "model"}>
            Model
          </option>
          <option value="feature" selected={split === "feature"}>
            Feature
          </option>
        </select>
      </div>
      <button class="quiet" type="submit">
        Show
      </button>
    </form>
  );
}

function Report({ used: { totals, split, from, to }, jsonPath }: Pick<UsageViewProps, "used" | "jsonPath">) {
  const shares = sharesOf(totals, split);
  const series = seriesOf(shares);
  const query = new URLSearchParams({
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    group_by: "day,feature,model",
  });
  return (
    <>
      <Figures totals={totals} />
      <section aria-labelledby="by-day">
        <h2 id="by-day">Credits charged by day</h2>
        <DayChart
          id="days"
          title={`Credits charged by day and ${split}`}
          description={`${dayText(from)} to ${dayText(to - 1)}. ${shares
            .map(({ name, amount }) => `${name}: ${creditsText(amount)}`)
            .join("; ")}. The table below has every figure.`}
          days={daysOf(totals, split, series, from, to)}
          series={series}
        />
      </section>
      <div class="columns">
        <section aria-labelledby="by-model">
          <h2 id="by-model">By model</h2>
          <ShareList shares={sharesOf(totals, "model")} series={split === "model" ? series : []} />
        </section>
        <section aria-labelledby="by-feature">
          <h2 id="by-feature">By feature</h2>
          <ShareList shares={sharesOf(totals, "feature")} series={split === "feature" ? series : []} />
        </section>
      </div>
      <section aria-labelledby="figures">
        <h2 id="figures">Every figure</h2>
        <details>
          <summary>Show the table</summary>
          <FiguresTable totals={totals} />
        </details>
        {jsonPath === null ? null : (
          <p class="small below">
            <a href={`${jsonPath}?${query}`}>The same as JSON</a>
          </p>
        )}
      </section>
    </>
  );
}

function Figures({ totals }: { totals: readonly UsageTotal[] }) {
  const of = (pick: (total: UsageTotal) => number): number => sum(totals.map(pick));
  const seconds = of(({ seconds }) => seconds);
  const counts = [
    ["requests", of(({ requests }) => requests)],
    ["denied", of(({ denied }) => denied)],
    ["input tokens", of(({ inputTokens }) => inputTokens)],
    ["of them cached", of(({ cachedInputTokens }) => cachedInputTokens)],
    ["output tokens", of(({ outputTokens }) => outputTokens)],
    ...(seconds > 0 ? ([["seconds of video", seconds]] as const) : []),
  ] as const;
  return (
    <dl class="figures even">
      <div class="main">
        <dt>credits charged</dt>
        <dd>
          <CreditsFigure amount={of(({ charge }) => charge)} />
        </dd>
      </div>
      {counts.map(([name, count]) => (
        <div>
          <dt>{name}</dt>
          <dd>{countText(count)}</dd>
        </div>
      ))}
    </dl>
  );
}

function FiguresTable({ totals }: { totals: readonly UsageTotal[] }) {
  return (
    <section class="scroll" aria-label="Use by day, feature and model" tabindex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Day</th>
            <th scope="col">Feature</th>
            <th scope="col">Model</th>
            {["Requests", "Denied", "Input tokens", "Cached", "Output tokens", "Seconds", "Credits"].map((name) => (
              <th scope="col" class="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {totals.map((total) => (
            <tr>
              <td class="nowrap">{dayText(Date.parse(total.day ?? ""))}</td>
              <td>{total.feature}</td>
              <td>{total.model}</td>
              {[
                total.requests,
                total.denied,
                total.inputTokens,
                total.cachedInputTokens,
                total.outputTokens,
                total.seconds,
              ].map((count) => (
                <td class="number">{countText(count)}</td>
              ))}
              <td class="number">{creditsText(total.charge)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
