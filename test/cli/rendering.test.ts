import { describe, expect, test } from "vitest";
import type { Account } from "../../client/types.ts";
import { accountText } from "../../scripts/cli/account-text.ts";
import { facts, table } from "../../scripts/cli/table.ts";
import { credits, when } from "../../scripts/cli/words.ts";

interface Row {
  readonly name: string | null;
  readonly amount: string;
}

const COLUMNS = [
  { title: "NAME", value: (row: Row) => row.name },
  { title: "AMOUNT", value: (row: Row) => row.amount, align: "right" as const },
];

describe("a table", () => {
  test("is aligned, numbers to the right, however letters are put together", () => {
    const rows = [
      { name: "Zoë", amount: "1.00" },
      { name: "Acme Ltd", amount: "1000.00" },
      { name: null, amount: "" },
    ];
    expect(table(COLUMNS, rows, "none")).toBe(
      ["NAME       AMOUNT", "Zoë          1.00", "Acme Ltd  1000.00", "–"].join("\n"),
    );
  });

  test("without rows says so", () => {
    expect(table(COLUMNS, [], "There are none.")).toBe("There are none.");
  });

  // A name or a reason is written by others; an escape sequence in it could rewrite what an operator sees.
  test("lets nobody command the terminal", () => {
    const shown = table(COLUMNS, [{ name: "a\u001b[2J\r\n\u202eb", amount: "1" }], "none");
    expect(shown.split("\n")).toEqual(["NAME       AMOUNT", "a?[2J???b       1"]);
    expect(facts([["Name", "x\u001b]0;owned\u0007"]])).toBe("Name  x?]0;owned?");
  });
});

describe("amounts and instants", () => {
  test("are shown as short as they can be without losing anything", () => {
    expect(["12.500000", "0.000000", "0.017365", "100.000000", "100", "16", "0"].map(credits)).toEqual([
      "12.50",
      "0.00",
      "0.017365",
      "100.00",
      "100",
      "16",
      "0",
    ]);
    expect(when("2026-11-22T12:00:00.123Z")).toBe("2026-11-22 12:00:00Z");
    expect(when(null)).toBeNull();
  });
});

test("the limits of an account are shown alike, whether they count credits or anything else", () => {
  const gate = { per: "account", resets_at: null } as const;
  const account: Account = {
    id: "acct_1",
    plan: { id: "plus", version: 1, name: "Plus" },
    status: "active",
    as_of_seq: 0,
    credits: { available: "1.000000", reserved: "0.000000", used: "0.000000" },
    allowances: [],
    grants: [],
    gates: [
      { ...gate, id: "dearest", unit: "credits", limit: "5.000000", remaining: "5.000000" },
      { ...gate, id: "rpm", unit: "requests", limit: 100, remaining: 90 },
    ],
  };
  expect(accountText(account)).toMatch(/dearest +5\.00 +5\.00 .*\nrpm +90 +100 /);
});
