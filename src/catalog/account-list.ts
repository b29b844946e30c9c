/** What accounts can be sorted by. */
export const ACCOUNT_SORTS = ["created_at", "name", "id", "balance"] as const;
export type AccountSort = (typeof ACCOUNT_SORTS)[number];
export type SortOrder = "asc" | "desc";

export interface AccountListQuery {
  /** A part of the id or of the name; `null` finds all. */
  readonly search: string | null;
  readonly sort: AccountSort;
  readonly order: SortOrder;
  readonly limit: number;
  /** The last account of the page before; `null` begins the list. */
  readonly after: AccountPlace | null;
}

/** Where an account stands in a list that is sorted by `key`. */
export interface AccountPlace {
  readonly key: string | number;
  readonly id: string;
}

/** A registered account with what the ledger says of it. Plan and status are known to its object alone. */
export interface ListedAccount {
  readonly id: string;
  readonly name: string | null;
  /** Epoch ms. */
  readonly createdAt: number;
  /** Micro-credits granted and not used, as far as the ledger has them. */
  readonly balance: number;
  /** Entries of its history in the ledger. */
  readonly entries: number;
  readonly lastEntryAt: number | null;
}

/** Accounts without a name are sorted by an empty one, so that every account has a place. */
const KEYS: Readonly<Record<AccountSort, string>> = {
  created_at: "a.created_at",
  name: "lower(coalesce(a.name, ''))",
  id: "a.id",
  balance: "coalesce(b.balance, 0)",
};

const FOUND = "(instr(lower(a.id), ?1) > 0 OR instr(lower(coalesce(a.name, '')), ?1) > 0)";

/**
 * Up to `limit` accounts and one to spare. By age or id, an index ends the reading where the page is full; by name or
 * balance, and for a search, all accounts are read (never their histories).
 */
export async function listAccounts(database: D1Database, query: AccountListQuery): Promise<ListedAccount[]> {
  const key = KEYS[query.sort];
  const [beyond, direction] = query.order === "asc" ? [">", "ASC"] : ["<", "DESC"];
  // What is not asked for is not a condition: "or there is none" would keep an index from being used.
  const conditions = [
    ...(query.search === null ? [] : [FOUND]),
    ...(query.after === null ? [] : [`(${key}, a.id) ${beyond} (?3, ?2)`]),
  ];
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  const ordered = query.sort === "id" ? [key] : [key, "a.id"];
  const { results } = await database
    .prepare(
      `SELECT a.id, a.name, a.created_at AS createdAt, coalesce(b.balance, 0) AS balance,
        coalesce(b.entries, 0) AS entries, b.updated_at AS lastEntryAt
      FROM accounts a LEFT JOIN balances b ON b.account_id = a.id
      ${where}
      ORDER BY ${ordered.map((column) => `${column} ${direction}`).join(", ")} LIMIT ?4`,
    )
    .bind(
      query.search === null ? null : asciiLower(query.search),
      query.after?.id ?? null,
      query.after?.key ?? null,
      query.limit + 1,
    )
    .all<ListedAccount>();
  return results;
}

/** The place of an account in a list sorted by `sort`. */
export function placeOf({ id, name, createdAt, balance }: ListedAccount, sort: AccountSort): AccountPlace {
  switch (sort) {
    case "created_at":
      return { key: createdAt, id };
    case "balance":
      return { key: balance, id };
    case "id":
      return { key: id, id };
    case "name":
      return { key: asciiLower(name ?? ""), id };
  }
}

/** As SQLite lowers: letters beyond ASCII stay as they are. */
function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
