import { describe, expect, it } from "vitest";
import { firstPlaceAt, isRequestId, placeOf } from "../../src/core/request-id.ts";
import { sha256Hex } from "../../src/sha256.ts";
import { T0 } from "../support/core-fixtures.ts";

const HEX = "0123456789abcdef";

describe("request ids", () => {
  it.each([`req_${HEX}${HEX}`, `req_k${HEX}${HEX}01234567`])("%s is one", (id) => expect(isRequestId(id)).toBe(true));

  it.each([
    "",
    "req_",
    `req_${HEX}`,
    `req_${HEX}${HEX}0`,
    `req_${HEX.toUpperCase()}${HEX}`,
    `req_k${HEX}${HEX}0123456`,
    `req_k${HEX}${HEX}012345678`,
    `req_x${HEX}${HEX}01234567`,
    ` req_${HEX}${HEX}`,
    `req_${HEX}${HEX}\n`,
    `use_${HEX}${HEX}`,
    "req_../../../../../../../../../../..",
  ])("%j is none", (id) => expect(isRequestId(id)).toBe(false));

  const mintedAt = (at: number, rest = "7abcdef0123456789abc") => `req_${at.toString(16).padStart(12, "0")}${rest}`;

  it("are found in the order in which they were minted, derived ones last", () => {
    const place = placeOf(mintedAt(T0));
    expect(firstPlaceAt(T0) <= place && place < firstPlaceAt(T0 + 1)).toBe(true);
    expect(placeOf(mintedAt(T0 - 1)) < firstPlaceAt(T0)).toBe(true);
    expect(firstPlaceAt(-5)).toBe(firstPlaceAt(0));
    const derived = placeOf(`req_k${HEX}${HEX}01234567`);
    expect(placeOf(mintedAt(2 ** 42 - 1)) < derived).toBe(true);
    expect(Number.isSafeInteger(derived)).toBe(true);
  });

  it("of one millisecond are told by their last digits, derived ones by all of them", () => {
    expect(placeOf(mintedAt(T0, "7abcdef0123456789abd"))).not.toBe(placeOf(mintedAt(T0)));
    const places = Array.from({ length: 1_000 }, (_, n) => placeOf(`req_k${sha256Hex(String(n)).slice(0, 40)}`));
    expect(new Set(places).size).toBe(1_000);
  });
});
