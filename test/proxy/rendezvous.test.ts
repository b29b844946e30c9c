import { describe, expect, test } from "vitest";
import { type Contender, orderFor } from "../../src/proxy/rendezvous.ts";

const ACCOUNTS = Array.from({ length: 10_000 }, (_, index) => `acct_${index}`);

function contender(id: string, weight = 1, order = 100): Contender {
  return { id, order, weight };
}

function places(accountId: string, upstreams: readonly Contender[]): string[] {
  return orderFor(accountId, upstreams).map(({ id }) => id);
}

function first(accountId: string, upstreams: readonly Contender[]): string | undefined {
  return places(accountId, upstreams)[0];
}

function shares(upstreams: readonly Contender[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const account of ACCOUNTS) {
    const id = first(account, upstreams) ?? "none";
    counts[id] = (counts[id] ?? 0) + 1 / ACCOUNTS.length;
  }
  return counts;
}

describe("accounts are shared among upstreams", () => {
  test("by their weights", () => {
    const { a = 0, b = 0 } = shares([contender("a", 1), contender("b", 3)]);
    expect(Math.abs(a - 0.25)).toBeLessThan(0.03);
    expect(Math.abs(b - 0.75)).toBeLessThan(0.03);
  });

  test("equally without weights of their own", () => {
    const counts = shares(["a", "b", "c", "d"].map((id) => contender(id)));
    for (const id of ["a", "b", "c", "d"]) expect(Math.abs((counts[id] ?? 0) - 0.25)).toBeLessThan(0.03);
  });

  test("and stay where they are when one is added, but for those that go to it", () => {
    const before = [contender("a"), contender("b", 2)];
    const after = [...before, contender("c")];
    const moved = ACCOUNTS.filter((account) => first(account, before) !== first(account, after));
    expect(moved.every((account) => first(account, after) === "c")).toBe(true);
    expect(Math.abs(moved.length / ACCOUNTS.length - 0.25)).toBeLessThan(0.03);
  });

  test("and go to different ones when theirs fails", () => {
    const upstreams = [contender("a"), contender("b"), contender("c")];
    const seconds = ACCOUNTS.filter((account) => first(account, upstreams) === "a").map(
      (account) => places(account, upstreams)[1],
    );
    const toB = seconds.filter((id) => id === "b").length / seconds.length;
    expect(Math.abs(toB - 0.5)).toBeLessThan(0.04);
  });

  test("in the same order every time, however the upstreams are listed", () => {
    const upstreams = [contender("a"), contender("b", 7), contender("c", 0), contender("d", 1, 5)];
    for (const account of ACCOUNTS.slice(0, 50)) {
      expect(places(account, upstreams.toReversed())).toEqual(places(account, upstreams));
    }
  });
});

test("a smaller order comes first, whatever the weights; weight 0 stands behind the others of its order", () => {
  const upstreams = [contender("late", 1_000, 200), contender("spare", 0, 10), contender("early", 1, 10)];
  for (const account of ACCOUNTS.slice(0, 100)) expect(places(account, upstreams)).toEqual(["early", "spare", "late"]);
});

test("nothing and one are orders as well", () => {
  expect(orderFor("acct_1", [])).toEqual([]);
  expect(places("acct_1", [contender("a", 0)])).toEqual(["a"]);
});
