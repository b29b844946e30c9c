/** The way to the next page of a list, and back to its begin. */
export function Paging({
  path,
  query,
  cursor,
  next,
  words = { first: "Newest", next: "Older" },
}: {
  path: string;
  query: Readonly<Record<string, string>>;
  /** The cursor of this page; `null` on the first. */
  cursor: string | null;
  next: string | null;
  /** What the ways are called, where the list is not in the order of time. */
  words?: { readonly first: string; readonly next: string };
}) {
  if (cursor === null && next === null) return null;
  return (
    <nav class="pages" aria-label="Pages of the list">
      {cursor === null ? null : <a href={withQuery(path, query)}>{words.first}</a>}
      {next === null ? null : (
        <a href={withQuery(path, { ...query, cursor: next })} rel="next">
          {words.next}
        </a>
      )}
    </nav>
  );
}

function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  const text = new URLSearchParams(query).toString();
  return text === "" ? path : `${path}?${text}`;
}
