import { expect, test } from "vitest";
import { ACCOUNT_SORTS, type AccountListQuery, listAccounts, placeOf } from "../../src/catalog/account-list.ts";
import { plansOf, scansOf } from "../support/query-plans.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";

const database = migratedD1();
database.sqlite.exec(
  `INSERT INTO accounts (id, name, created_at) VALUES
    ('acct_c', 'Zoë', 1), ('acct_a', 'amber', 3), ('acct_b', NULL, 3), ('acct_d', 'Amber', 2)`,
);

const ALL: AccountListQuery = { search: null, sort: "created_at", order: "desc", limit: 50, after: null };

async function idsOf(query: Partial<AccountListQuery>): Promise<string[]> {
  return (await listAccounts(database.db, { ...ALL, ...query })).map(({ id }) => id);
}

test("accounts come in the order that is asked for, the same one page by page", async () => {
  for (const sort of ACCOUNT_SORTS) {
    for (const order of ["asc", "desc"] as const) {
      const whole = await listAccounts(database.db, { ...ALL, sort, order });
      const paged: string[] = [];
      for (let after: AccountListQuery["after"] = null; ; ) {
        const [account] = await listAccounts(database.db, { ...ALL, sort, order, limit: 1, after });
        if (!account) break;
        paged.push(account.id);
        after = placeOf(account, sort);
      }
      expect([sort, order, paged]).toEqual([sort, order, whole.map(({ id }) => id)]);
    }
  }
  expect(await idsOf({})).toEqual(["acct_b", "acct_a", "acct_d", "acct_c"]);
  expect(await idsOf({ search: "AMBER", sort: "id", order: "asc" })).toEqual(["acct_a", "acct_d"]);
});

test.each(["created_at", "id"] as const)(
  "a page by %s sorts nothing, and goes on from where it stopped",
  async (sort) => {
    const after = { key: sort === "id" ? "acct_b" : 2, id: "acct_b" };
    for (const order of ["asc", "desc"] as const) {
      const first = await plansOf(database, (db) => listAccounts(db, { ...ALL, sort, order }));
      expect(first.filter((step) => step.includes("TEMP B-TREE"))).toEqual([]);
      const next = await plansOf(database, (db) => listAccounts(db, { ...ALL, sort, order, after }));
      expect([next.filter((step) => step.includes("TEMP B-TREE")), scansOf(next)]).toEqual([[], []]);
    }
  },
);
