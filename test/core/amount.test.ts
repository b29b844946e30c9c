import { describe, expect, it } from "vitest";
import { BrokenInvariant, formatCredits, invariant, parseCredits, quantity, sum } from "../../src/core/amount.ts";

const MAX = Number.MAX_SAFE_INTEGER;

describe("an amount on the wire is read exactly", () => {
  it.each([
    ["0", 0],
    ["0.000001", 1],
    ["12.5", 12_500_000],
    ["12.500000", 12_500_000],
    ["007.1", 7_100_000],
    ["-3.25", -3_250_000],
    ["9007199254.740991", MAX],
    ["-9007199254.740991", -MAX],
  ])("%s", (text, micro) => expect(parseCredits(text)).toBe(micro));

  it("knows no negative zero", () => {
    for (const text of ["-0", "-0.000000"]) expect(Object.is(parseCredits(text), 0)).toBe(true);
  });
});

describe("what is not an exact amount is refused, never rounded", () => {
  it.each([
    "",
    " ",
    ".",
    ".5",
    "5.",
    "+1",
    "--1",
    "1,5",
    "1 000",
    "1e3",
    "0x10",
    "NaN",
    "Infinity",
    "1.0000000",
    "0.0000001",
    " 1",
    "1 ",
    "1\n",
    "1.5.5",
    "1_000",
    "١",
    "9007199254.740992",
    "9007199254.740993",
    "-9007199254.740992",
    "9999999999",
    "12345678901",
  ])("%j", (text) => expect(parseCredits(text)).toBeNull());
});

describe("an amount is written with six decimals", () => {
  it.each([
    [0, "0.000000"],
    [-0, "0.000000"],
    [1, "0.000001"],
    [-1, "-0.000001"],
    [999_999, "0.999999"],
    [1_000_000, "1.000000"],
    [12_500_000, "12.500000"],
    [-12_500_000, "-12.500000"],
    [MAX, "9007199254.740991"],
  ])("%d", (micro, text) => expect(formatCredits(micro)).toBe(text));
});

describe("a count is a safe whole number", () => {
  it.each([0, 1, MAX])("%d is one", (count) => expect(quantity(count, "tokens")).toBe(count));

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, MAX + 1, 1e18])(
    "%d is none",
    (count) => expect(() => quantity(count, "tokens")).toThrow(BrokenInvariant),
  );

  it("names what was wrong", () => expect(() => quantity(-5, "seconds")).toThrow(/seconds .* got -5/));
});

describe("sums", () => {
  it("of nothing is nothing", () => expect(sum([])).toBe(0));
  it("reaches the largest amount exactly", () => expect(sum([MAX - 3, 1, 2])).toBe(MAX));
  it.each([[[MAX, 1]], [[MAX, MAX]], [[-MAX, -1]], [[0.5]], [[Number.NaN]], [[Number.POSITIVE_INFINITY]]])(
    "of %j stops the command",
    (amounts) => expect(() => sum(amounts)).toThrow(BrokenInvariant),
  );
});

it("a broken invariant says which rule was broken", () => {
  expect(() => invariant(false, "the rule")).toThrow("the rule");
  expect(() => invariant(true, "the rule")).not.toThrow();
});
