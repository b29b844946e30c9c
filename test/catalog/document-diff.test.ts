import { expect, it } from "vitest";
import { diffDocuments } from "../../src/catalog/document-diff.ts";

const BEFORE = {
  name: "Plus",
  features: { codex: { models: ["*"] } },
  gates: [
    { id: "codex-rpm", limit: 60, window: { kind: "sliding", period: "1m" } },
    { id: "flight", limit: 4, window: null },
  ],
  windows: [
    { period: "5h", limit: "5" },
    { period: "7d", limit: "50" },
  ],
};

it.each<[string, object, object[]]>([
  ["nothing", {}, []],
  ["a field", { name: "More" }, [{ path: "name", kind: "changed", before: "Plus", after: "More" }]],
  ["a new field", { estimate: "clamp" }, [{ path: "estimate", kind: "added", after: "clamp" }]],
  [
    "a list of plain values, as a whole",
    { features: { codex: { models: ["gpt-5.4"] } } },
    [{ path: "features.codex.models", kind: "changed", before: ["*"], after: ["gpt-5.4"] }],
  ],
  [
    "a field that is gone, deep in a member of a list",
    { gates: [{ id: "codex-rpm", limit: 60, window: { kind: "sliding" } }, BEFORE.gates[1]] },
    [{ path: 'gates["codex-rpm"].window.period', kind: "removed", before: "1m" }],
  ],
  [
    "null for an object",
    { gates: [{ ...BEFORE.gates[0], window: null }, BEFORE.gates[1]] },
    [{ path: 'gates["codex-rpm"].window', kind: "changed", before: BEFORE.gates[0]?.window, after: null }],
  ],
  [
    "members that came and went, by their ids and not by their places",
    { gates: [{ id: "new", limit: 1 }, BEFORE.gates[1]] },
    [
      { path: 'gates["codex-rpm"]', kind: "removed", before: BEFORE.gates[0] },
      { path: "gates.new", kind: "added", after: { id: "new", limit: 1 } },
    ],
  ],
  [
    "members without ids by their places, whatever the order of their fields",
    {
      windows: [
        { limit: "9", period: "5h" },
        { period: "7d", limit: "50" },
      ],
    },
    [{ path: "windows[0].limit", kind: "changed", before: "5", after: "9" }],
  ],
  [
    "another order, and nothing else",
    { gates: [...BEFORE.gates].reverse() },
    [{ path: "gates (order)", kind: "changed", before: ["codex-rpm", "flight"], after: ["flight", "codex-rpm"] }],
  ],
])("tells %s", (_, change, expected) => {
  expect(diffDocuments(BEFORE, { ...BEFORE, ...change })).toEqual(expected);
});

it("does not look into prototypes", () => {
  expect(diffDocuments({}, { constructor: "x", toString: "y" })).toHaveLength(2);
});
