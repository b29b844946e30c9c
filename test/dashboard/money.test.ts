import { describe, expect, it } from "vitest";
import { moneyText, readMoney, typedMoney, unitPriceText } from "../../src/dashboard/money.ts";

describe("money on pages", () => {
  it.each([
    [1_000, "usd", "$10.00"],
    [1_000, "jpy", "¥1,000"],
    [1_500, "kwd", "KWD 1.500"],
    [123_456_789, "eur", "€1,234,567.89"],
    // Stripe counts these in other units than the rest of the world.
    [50_000, "isk", "ISK 500.00"],
    [50_000, "mga", "MGA 50,000"],
    [350_000, "huf", "HUF 3,500.00"],
    [15_000_000, "idr", "IDR 150,000.00"],
    [50_000, "vnd", "₫50,000"],
  ])("writes %d of %s as %s", (amount, currency, text) => {
    expect(moneyText(amount, currency).replaceAll("\u00a0", " ")).toBe(text);
    expect(readMoney(typedMoney(amount, currency), currency)).toBe(amount);
  });

  it.each([
    ["10", "usd", 1_000],
    [" 10.5 ", "usd", 1_050],
    ["10.05", "usd", 1_005],
    ["10.005", "usd", null],
    ["10.", "usd", null],
    ["10,50", "usd", null],
    ["-1", "usd", null],
    ["1e3", "usd", null],
    ["", "usd", null],
    ["10.0", "jpy", null],
  ])("reads %o of %s as %o", (text, currency, amount) => {
    expect(readMoney(text, currency)).toBe(amount);
  });

  it("tells what one of many costs, as far as it matters", () => {
    expect(unitPriceText(1_000, "usd", 250)).toBe("$0.04");
    expect(unitPriceText(19_000, "usd", 5_000)).toBe("$0.038");
  });
});
