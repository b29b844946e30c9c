import { describe, expect, it } from "vitest";
import { readInstant } from "../../src/core/instant.ts";

describe("an instant that was written", () => {
  it.each([
    ["2026-11-22", "2026-11-22T00:00:00.000Z"],
    ["2026-11-22T10:00Z", "2026-11-22T10:00:00.000Z"],
    ["2026-11-22T10:00:00.5+02:00", "2026-11-22T08:00:00.500Z"],
    ["2028-02-29", "2028-02-29T00:00:00.000Z"],
  ])("as ISO 8601 is read: %s", (text, instant) => {
    expect(readInstant(text)).toBe(Date.parse(instant));
  });

  it.each([
    "7",
    "45",
    "90",
    "10-11-2026",
    "11/10/2026",
    "Nov 5",
    "2026-11-22 10:00",
    "2026-11-22T10:00:00 02:00",
    "2026-11-22T25:00Z",
    "2026-02-29",
    "2026-13-01",
    "2026-11-22T10:00+99:99",
    "+275760-09-13",
    "",
  ])("in any other way is not guessed at: %o", (text) => {
    expect(readInstant(text)).toBeNull();
  });
});
