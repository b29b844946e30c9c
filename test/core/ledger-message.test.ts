import { describe, expect, it } from "vitest";
import { type LedgerMessage, MESSAGE_BYTES, packEntries } from "../../src/core/ledger-message.ts";

/** A stored entry of exactly `bytes` bytes of JSON. */
function stored(seq: number, bytes: number, filler = "x"): string {
  const empty = JSON.stringify({ seq, filler: "" });
  const width = new TextEncoder().encode(filler).length;
  return JSON.stringify({ seq, filler: filler.repeat((bytes - empty.length) / width) });
}

function seqs(messages: readonly string[]): number[][] {
  return messages.map((text) => (JSON.parse(text) as LedgerMessage).entries.map(({ seq }) => seq));
}

describe("entries travel in as few messages as fit", () => {
  it.each<[string, number[], number[][]]>([
    ["none", [], []],
    ["one", [500], [[1]]],
    ["what fits exactly", [30_000, 30_000], [[1, 2]]],
    ["one byte too many", [30_000, 30_001], [[1], [2]]],
    ["a large one travels alone", [500, 90_000, 500], [[1], [2], [3]]],
    ["a large one first", [90_000, 500, 500], [[1], [2, 3]]],
    ["two large ones", [90_000, 90_000], [[1], [2]]],
  ])("%s", (_, sizes, expected) => {
    expect(seqs(packEntries(sizes.map((size, index) => stored(index + 1, size))))).toEqual(expected);
  });

  it("counts bytes, not characters", () => {
    const wide = [stored(1, 30_024, "€"), stored(2, 30_024, "€")];
    expect(wide[0]?.length).toBeLessThan(MESSAGE_BYTES / 4);
    expect(seqs(packEntries(wide))).toEqual([[1], [2]]);
  });

  it("keeps the order and loses nothing", () => {
    const many = Array.from({ length: 500 }, (_, index) => stored(index + 1, 900));
    const packed = packEntries(many);
    expect(seqs(packed).flat()).toEqual(many.map((_, index) => index + 1));
    expect(packed.length).toBe(Math.ceil((500 * 900) / MESSAGE_BYTES));
  });

  it("every message names its version", () => {
    for (const message of packEntries([stored(1, 50_000), stored(2, 50_000)])) {
      expect(JSON.parse(message)).toMatchObject({ v: 2 });
    }
  });

  it("stays below the size that costs a second operation, envelope included", () => {
    const many = Array.from({ length: 300 }, (_, index) => stored(index + 1, 600));
    for (const message of packEntries(many)) {
      expect(new TextEncoder().encode(message).length).toBeLessThan(64_000);
    }
  });
});
