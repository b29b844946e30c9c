import { expect, it } from "vitest";
import { lineOf, linesOfJson } from "../../src/dashboard/admin/json-lines.ts";

const TEXT = `{
  "name": "Plus, {\\"quoted\\"}: [x]",
  "features": { "codex": { "models": ["*"] },
    "my-own": {
      "models": [
        "a",
        "b"
      ] } },
  "gates": [
    { "id": "rpm",
      "limit": 60 },
    { "id": "tpm", "window": null,
      "nested": [[1], [2,
        3]] }
  ],
  "last": true
}`;

it.each([
  ["", 1],
  ["name", 2],
  ["features.codex.models[0]", 3],
  ['features["my-own"]', 4],
  ['features["my-own"].models[1]', 7],
  ["gates", 9],
  ["gates[0]", 10],
  ["gates[0].limit", 11],
  ["gates[1].window", 12],
  ["gates[1].nested[1][1]", 14],
  ["last", 16],
])("finds %s on its line", (path, line) => {
  expect(lineOf(linesOfJson(TEXT), path)).toBe(line);
});

it.each([
  ["gates[0].window.period", 10],
  ["gates[7].limit", 9],
  ["nowhere", 1],
  ['features["my-own"].extra', 4],
])("finds what %s is missing in", (path, line) => {
  expect(lineOf(linesOfJson(TEXT), path)).toBe(line);
});

it("reads any text in time, however deep, and never fails", () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  expect(lineOf(linesOfJson(deep), "x")).toBe(1);
  const broken = ['{"a": ', "}}]]", '"\\', "\n\n,,::", '{"a" "b" [1 2', ""];
  for (const text of broken) expect(lineOf(linesOfJson(text), "a.b[3]")).toBeGreaterThan(0);
});
