import { readInstant } from "../core/instant.ts";
import { decodeCursor } from "../ledger/cursor.ts";
import type { ListQuery } from "../ledger/read.ts";
import type { HttpContext } from "./context.ts";
import { HttpFault } from "./fault.ts";

const LIMIT_DEFAULT = 50;
const LIMIT_MOST = 500;

/** `?limit=` and `?cursor=` of a list. A cursor that is not of the form `own` is none of that list's. */
export function pageOf(c: HttpContext, own: RegExp = /^/): { limit: number; cursor: string | null } {
  const text = c.req.query("limit");
  const limit = text === undefined ? LIMIT_DEFAULT : Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MOST) {
    throw new HttpFault(400, "invalid_limit", `limit is a whole number from 1 to ${LIMIT_MOST}.`);
  }
  const cursor = c.req.query("cursor") ?? null;
  if (cursor !== null && !own.test(cursor)) throw invalidCursor();
  return { limit, cursor };
}

/** A page of an account's history, newest first. */
export function listQueryOf(c: HttpContext): ListQuery {
  const { limit, cursor } = pageOf(c);
  const after = cursor === null ? null : decodeCursor(cursor);
  if (cursor !== null && after === null) throw invalidCursor();
  return { limit, after, order: "newest" };
}

export function invalidCursor(): HttpFault {
  return new HttpFault(400, "invalid_cursor", "Send the next_cursor of an earlier page, unchanged.");
}

/** An ISO 8601 instant (or date) of the query as epoch ms. */
export function instantOf(c: HttpContext, name: string, otherwise: number): number {
  const text = c.req.query(name);
  if (text === undefined) return otherwise;
  const at = readInstant(text);
  if (at === null) throw new HttpFault(400, "invalid_instant", `${name} is an ISO 8601 date or instant.`);
  return at;
}

/** What one of some known words in the query stands for; `null` without it and for any other word. */
export function wordIn<Meaning>(
  c: HttpContext,
  name: string,
  words: Readonly<Record<string, Meaning>>,
): Meaning | null {
  const word = c.req.query(name) ?? "";
  // What every object has, such as `constructor`, is no word.
  return Object.hasOwn(words, word) ? (words[word] ?? null) : null;
}
