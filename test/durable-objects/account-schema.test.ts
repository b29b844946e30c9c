import { expect, it } from "vitest";
import { migrateAccount } from "../../durable-objects/account-schema.ts";
import { SqlitePlatform } from "../support/sqlite-platform.ts";

it("an object that was opened by a newer version and then by this one keeps the newer schema", () => {
  const { sql } = new SqlitePlatform(0);
  migrateAccount(sql);
  sql.exec("UPDATE schema_version SET version = version + 1");
  const before = sql.exec("SELECT * FROM schema_version").toArray();
  migrateAccount(sql);
  expect(sql.exec("SELECT * FROM schema_version").toArray()).toEqual(before);
});
