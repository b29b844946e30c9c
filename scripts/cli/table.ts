/** A column of a table: its title, and what stands in it. */
export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | number | null;
  readonly align?: "right";
}

const GAP = "  ";
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** An aligned table. Without rows it says so, since a head alone looks like a fault. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], none: string): string {
  if (rows.length === 0) return none;
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ value }) => printable(String(value(row) ?? "–")))),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => widthOf(line[index] ?? ""))));
  return cells
    .map((line) =>
      line
        .map((cell, index) => padded(cell, widths[index] ?? 0, columns[index]?.align))
        .join(GAP)
        .trimEnd(),
    )
    .join("\n");
}

/** Names and their values, one on each line. */
export function facts(values: readonly (readonly [name: string, value: string | number | null])[]): string {
  const width = Math.max(...values.map(([name]) => name.length));
  return values.map(([name, value]) => `${name.padEnd(width)}${GAP}${printable(String(value ?? "–"))}`).join("\n");
}

function padded(cell: string, width: number, align: "right" | undefined): string {
  const space = " ".repeat(Math.max(0, width - widthOf(cell)));
  return align === "right" ? space + cell : cell + space;
}

function widthOf(text: string): number {
  return [...graphemes.segment(text)].length;
}

/** Text that others wrote must not command the terminal: what is not printable is shown as `?`. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}/gu, "?");
}
