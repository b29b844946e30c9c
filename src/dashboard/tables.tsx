import type { Child } from "hono/jsx";
import { shortId } from "./in-flight.tsx";

export interface Column<Row> {
  readonly label: string;
  readonly number?: boolean;
  /** No wider than it must be: the others have the room. */
  readonly narrow?: boolean;
  readonly show: (row: Row) => Child;
}

/** Rows as a table, which on a narrow page becomes a list. The first column names its row. */
export function Table<Row>({
  columns,
  rows,
  nothing,
  caption,
}: {
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  /** Said in place of an empty table. */
  nothing: string;
  caption?: string;
}) {
  if (rows.length === 0) return <p class="nothing">{nothing}</p>;
  return (
    <table class="stacks">
      {caption === undefined ? null : <caption>{caption}</caption>}
      <thead>
        <tr>
          {columns.map(({ label, number, narrow }) => (
            <th scope="col" class={number ? "number" : narrow ? "narrow" : undefined}>
              {label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr>
            {columns.map(({ label, number, show }, index) => (
              <Cell label={label} number={number === true} heads={index === 0}>
                {show(row)}
              </Cell>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A long id by its ends; the whole of it is told on hover. */
export function ShortId({ id, href }: { id: string; href?: string }) {
  if (href === undefined) {
    return (
      <span class="id" title={id}>
        {shortId(id)}
      </span>
    );
  }
  return (
    <a class="id" href={href} title={id}>
      {shortId(id)}
    </a>
  );
}

function Cell({
  label,
  number,
  heads,
  children,
}: {
  label: string;
  number: boolean;
  heads: boolean;
  children?: Child;
}) {
  const shown = <span class="cell">{children}</span>;
  const kind = number ? "number" : undefined;
  if (heads) {
    return (
      <th scope="row" class={kind} data-label={label}>
        {shown}
      </th>
    );
  }
  return (
    <td class={kind} data-label={label}>
      {shown}
    </td>
  );
}
