/** The place of a balance update in its account's history. */
export interface Place {
  readonly epoch: number;
  readonly seq: number;
  readonly draw: number;
}

/** A place as an opaque cursor. */
export function encodeCursor({ epoch, seq, draw }: Place): string {
  return encodeText(`${epoch}.${seq}.${draw}`);
}

/** The place of a cursor, or `null` when it is not one of ours. */
export function decodeCursor(cursor: string): Place | null {
  const match = /^(\d{1,15})\.(\d{1,15})\.(\d{1,15})$/.exec(decodeText(cursor) ?? "");
  if (!match) return null;
  const [epoch = 0, seq = 0, draw = 0] = match.slice(1).map(Number);
  return { epoch, seq, draw };
}

/** ASCII text as base64url without padding. */
export function encodeText(text: string): string {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The reverse of {@link encodeText}; `null` when `cursor` is no base64url. */
export function decodeText(cursor: string): string | null {
  if (!/^[A-Za-z0-9_-]+$/.test(cursor)) return null;
  try {
    return atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null;
  }
}

/** One page of a list. `nextCursor` is `null` on the last page. */
export interface Page<T> {
  readonly data: readonly T[];
  readonly nextCursor: string | null;
}

/** Makes a page of `limit` items of what was read with one item to spare. */
export function pageOf<T>(read: readonly T[], limit: number, cursorOf: (item: T) => string): Page<T> {
  const data = read.slice(0, limit);
  const last = data.at(-1);
  return { data, nextCursor: read.length > limit && last !== undefined ? cursorOf(last) : null };
}
