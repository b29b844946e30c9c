import { scaleBand, scaleLinear } from "d3-scale";
import { stack } from "d3-shape";
import { creditsText } from "../amounts.tsx";
import { dayText } from "../instants.tsx";

/** What was charged on one day, by series, in micro-credits. */
export interface Day {
  /** The day in UTC, as `2026-11-22`. */
  readonly day: string;
  readonly amounts: Readonly<Record<string, number>>;
}

export interface DayChartProps {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly days: readonly Day[];
  /** In the order in which they are stacked, from the bottom. */
  readonly series: readonly string[];
}

interface Size {
  readonly name: "wide" | "narrow";
  readonly width: number;
  readonly height: number;
  /** About how many days are named. */
  readonly labels: number;
}

/** Text of a drawing shrinks with it, so there is one for wide screens and one for narrow ones. */
const SIZES: readonly Size[] = [
  { name: "wide", width: 880, height: 260, labels: 8 },
  { name: "narrow", width: 350, height: 220, labels: 3 },
];

const MARGIN = { top: 14, right: 0, bottom: 26, left: 0 };
const MICRO = 1_000_000;

/** Charges by day as stacked columns. The table of the same figures stands beside it in words. */
export function DayChart(props: DayChartProps) {
  return (
    <div class="chart">
      {SIZES.map((size) => (
        <Plot {...props} size={size} />
      ))}
    </div>
  );
}

function Plot({ id, title, description, days, series, size }: DayChartProps & { size: Size }) {
  const { width, height, labels, name } = size;
  const x = scaleBand<string>()
    .domain(days.map(({ day }) => day))
    .range([MARGIN.left, width - MARGIN.right])
    .paddingInner(days.length > 45 ? 0.12 : 0.28);
  const most = Math.max(...days.map(({ amounts }) => total(amounts)), 1);
  const y = scaleLinear()
    .domain([0, most / MICRO])
    .nice(4)
    .range([height - MARGIN.bottom, MARGIN.top]);
  const layers = stack<Day, string>()
    .keys([...series])
    .value(({ amounts }, key) => (amounts[key] ?? 0) / MICRO)([...days]);
  const every = Math.max(1, Math.ceil(days.length / labels));
  return (
    <svg
      class={`plot ${name}`}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-labelledby={`${id}-${name}-title ${id}-${name}-desc`}
    >
      <title id={`${id}-${name}-title`}>{title}</title>
      <desc id={`${id}-${name}-desc`}>{description}</desc>
      {y.ticks(4).map((tick) => (
        <g>
          <line class={tick === 0 ? "axis" : "grid"} x1={MARGIN.left} x2={width} y1={y(tick)} y2={y(tick)} />
          {tick === 0 ? null : (
            <text x={MARGIN.left} y={y(tick) - 4}>
              {tick.toLocaleString("en")}
            </text>
          )}
        </g>
      ))}
      {layers.map((layer, index) => (
        <g class={hueOf(index)}>
          {layer.map((span) => {
            const { day } = span.data;
            const amount = span.data.amounts[layer.key] ?? 0;
            if (amount <= 0) return null;
            return (
              <rect x={x(day)} width={x.bandwidth()} y={y(span[1])} height={Math.max(1, y(span[0]) - y(span[1]))}>
                <title>{`${dayText(Date.parse(day))}, ${layer.key}: ${creditsText(amount)} credits`}</title>
              </rect>
            );
          })}
        </g>
      ))}
      {days.map(({ day }, index) =>
        (days.length - 1 - index) % every === 0 ? (
          <text
            x={index === days.length - 1 ? width : (x(day) ?? 0) + x.bandwidth() / 2}
            y={height - 8}
            text-anchor={index === days.length - 1 ? "end" : "middle"}
          >
            {shortDay(day)}
          </text>
        ) : null,
      )}
    </svg>
  );
}

const SHORT = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short" });

function shortDay(day: string): string {
  return SHORT.format(Date.parse(day));
}

function total(amounts: Day["amounts"]): number {
  return Object.values(amounts).reduce((sum, amount) => sum + amount, 0);
}

const HUES = 6;

/** The class that colours a series by its place. */
export function hueOf(index: number): string {
  return `hue-${(index % HUES) + 1}`;
}
