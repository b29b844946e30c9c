import { describe, expect, it } from "vitest";
import { firstIdAt, isRequestId } from "../../src/core/request-id.ts";
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

  it("sort by the instant at which they were minted, derived ones last", () => {
    const minted = `${firstIdAt(T0)}7abcdef0123456789abc`;
    expect(isRequestId(minted)).toBe(true);
    expect(firstIdAt(T0) <= minted && minted < firstIdAt(T0 + 1)).toBe(true);
    expect(firstIdAt(T0 - 1) < firstIdAt(T0)).toBe(true);
    expect(firstIdAt(2 ** 47) < "req_k").toBe(true);
    expect(firstIdAt(-5)).toBe(firstIdAt(0));
  });
});
