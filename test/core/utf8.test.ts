import fc from "fast-check";
import { expect, it } from "vitest";
import { utf8Length } from "../../src/core/utf8.ts";

it("counts the bytes that a text comes to, surrogates without a partner included", () => {
  const encoder = new TextEncoder();
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.array(fc.integer({ min: 0, max: 0xff_ff })), (text, units) => {
      for (const one of [text, String.fromCharCode(...units)]) {
        expect(utf8Length(one)).toBe(encoder.encode(one).length);
      }
    }),
  );
  expect(utf8Length("für 1 € 𝄞")).toBe(15);
});
