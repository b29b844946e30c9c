/** A part of the benchmark: one line for each figure, one column for each size. */
export interface Growth {
  readonly title: string;
  /** What the sizes count. */
  readonly of: string;
  readonly sizes: readonly number[];
  readonly figures: readonly Figure[];
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** One for each size; `null` where it was not measured. */
  readonly values: readonly (number | null)[];
}

/** The figures of one size, by their names (`p50 ms: receipt`). */
export type Measured = Readonly<Record<string, number | null>>;

/** Turns what was measured size by size into lines. Units stand behind a comma at the end of the names. */
export function growthOf(title: string, of: string, sizes: readonly number[], measured: readonly Measured[]): Growth {
  const names = [...new Set(measured.flatMap((one) => Object.keys(one)))];
  const figures = names.map((full): Figure => {
    const [name = full, unit = ""] = full.split(", ");
    return { name, unit, values: sizes.map((_, index) => measured[index]?.[full] ?? null) };
  });
  return { title, of, sizes: sizes.slice(0, measured.length), figures };
}

const NONE = "–";

/** As a table in Markdown: values, and behind them their ratio to the smallest size that was measured. */
export function tableOf({ title, of, sizes, figures }: Growth): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rows = figures.map(({ name, unit, values }) => {
    const base = values.find((value) => value !== null) ?? null;
    const first = values.findIndex((value) => value !== null);
    const cells = sizes.map((_, index) => {
      const value = values[index] ?? null;
      if (value === null) return NONE;
      const ratio = index === first || base === null || base === 0 ? "" : ` (×${(value / base).toFixed(2)})`;
      return digits(value) + ratio;
    });
    return line([unit === "" ? name : `${name}, ${unit}`, ...cells]);
  });
  const heads = line([of, ...sizes.map((size) => size.toLocaleString("en-US"))]);
  return [`### ${title}`, "", heads, `|---|${"--:|".repeat(sizes.length)}`, ...rows].join("\n");
}

function digits(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
