import * as z from "zod";
import {
  ACCOUNT_SORTS,
  type AccountPlace,
  type AccountSort,
  type ListedAccount,
  listAccounts,
  placeOf,
  type SortOrder,
} from "../catalog/account-list.ts";
import { formatCredits } from "../core/amount.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { invalidCursor, pageOf } from "../http/query.ts";
import { decodeText, encodeText } from "../ledger/cursor.ts";
import type { ListedAccountWire } from "../wire/listed-account.ts";
import { instant } from "../wire/time.ts";

const SEARCH_LENGTH = 200;

/** The order that one expects of each: the newest and the richest first, texts from A to Z. */
const USUAL_ORDER: Readonly<Record<AccountSort, SortOrder>> = {
  created_at: "desc",
  name: "asc",
  id: "asc",
  balance: "desc",
};

/** All accounts, by search and sort. A page goes on from its cursor only under the same sort. */
export async function accountList(c: HttpContext): Promise<Response> {
  const { limit, cursor } = pageOf(c);
  const sort = wordOf(c, "sort", ACCOUNT_SORTS, "created_at");
  const order = wordOf(c, "order", ["asc", "desc"] as const, USUAL_ORDER[sort]);
  const search = c.req.query("search")?.trim() ?? "";
  if (search.length > SEARCH_LENGTH) {
    throw new HttpFault(400, "invalid_search", `search has at most ${SEARCH_LENGTH} characters.`);
  }
  const after = cursor === null ? null : decodePlace(cursor, sort);
  const found = await listAccounts(c.env.DB, { search: search === "" ? null : search, sort, order, limit, after });
  const last = found.length > limit ? found[limit - 1] : undefined;
  const next = last ? encodePlace(placeOf(last, sort), sort) : null;
  return c.json({ data: found.slice(0, limit).map(accountRow), has_more: next !== null, next_cursor: next });
}

function wordOf<Word extends string>(c: HttpContext, name: string, words: readonly Word[], usual: Word): Word {
  const asked = c.req.query(name) || usual;
  const known = words.find((word) => word === asked);
  if (!known) throw new HttpFault(400, `invalid_${name}`, `${name} is one of ${words.join(", ")}.`);
  return known;
}

function accountRow({ id, name, createdAt, balance, entries, lastEntryAt }: ListedAccount): ListedAccountWire {
  return {
    id,
    name,
    created_at: instant(createdAt),
    balance: formatCredits(balance),
    entries,
    last_entry_at: instant(lastEntryAt),
  };
}

const place = z.tuple([z.enum(ACCOUNT_SORTS), z.union([z.string(), z.number()]), z.string()]);

function encodePlace({ key, id }: AccountPlace, sort: AccountSort): string {
  return encodeText(encodeURIComponent(JSON.stringify([sort, key, id])));
}

function decodePlace(cursor: string, sort: AccountSort): AccountPlace {
  const parsed = place.safeParse(parsedJson(decodeText(cursor)));
  if (!parsed.success || parsed.data[0] !== sort) throw invalidCursor();
  const [, key, id] = parsed.data;
  return { key, id };
}

function parsedJson(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(decodeURIComponent(text));
  } catch {
    return null;
  }
}
