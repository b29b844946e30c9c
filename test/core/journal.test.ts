import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BrokenInvariant } from "../../src/core/amount.ts";
import { canonical } from "../../src/core/event.ts";
import { writeEntry } from "../../src/core/journal.ts";
import { emptyRow, sha256, T0 } from "../support/core-fixtures.ts";

describe("the journal", () => {
  it("an entry without any update is never written", () => {
    const draft = { usage: null, monetization: null, updates: [] };
    expect(() => writeEntry(emptyRow(), draft, T0, sha256)).toThrow(BrokenInvariant);
  });

  it("never carries the balance below zero or out of range", () => {
    const update = { kind: "debit", source: "paid", amount: 1, cause: "mon_1.1" } as const;
    for (const delta of [-1, Number.MAX_SAFE_INTEGER + 1, Number.NaN]) {
      const draft = { usage: null, monetization: null, updates: [{ ...update, delta }] };
      expect(() => writeEntry(emptyRow(), draft, T0, sha256)).toThrow(BrokenInvariant);
    }
  });

  it("text that is hashed does not depend on the order of fields", () => {
    expect(canonical({ b: [1, { d: null, c: "x" }], a: true })).toBe('{"a":true,"b":[1,{"c":"x","d":null}]}');
    expect(canonical([2, 1])).not.toBe(canonical([1, 2]));
  });

  it("text that is hashed is the JSON of every value, whatever stands in it", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(JSON.parse(canonical(value))).toEqual(JSON.parse(JSON.stringify(value)));
        if (value === null || typeof value !== "object") expect(canonical(value)).toBe(JSON.stringify(value));
      }),
    );
    const text = '"\\\u0000\u2028é\ud800😀';
    expect(canonical({ [text]: text })).toBe(JSON.stringify({ [text]: text }));
  });
});
