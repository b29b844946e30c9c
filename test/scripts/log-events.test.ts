import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../../scripts/repository.ts";

/** How a log line gets its name. */
const NAMED = /(?:\bevent: |\breport\(|logAnomaly\(|(?<!#)\battempt\(|\bevent = .*\? )"([a-z_]+)"(?: : "([a-z_]+)")?/g;

function namesInSource(): Set<string> {
  const files = globSync(["src/**/*.{ts,tsx}", "durable-objects/**/*.ts"], { cwd: ROOT });
  const texts = files
    .map((file) => readFileSync(join(ROOT, file), "utf8"))
    .filter((text) => /console\.error|report|attempt|logAnomaly/.test(text));
  return new Set(
    texts.flatMap((text) =>
      [...text.matchAll(NAMED)].flatMap(([, one, other]) => [one, other].filter((name) => name !== undefined)),
    ),
  );
}

function namesInDocument(): Set<string> {
  const text = readFileSync(join(ROOT, "docs", "deploying.md"), "utf8");
  const section = text.split("### What the log says")[1]?.split("\n## ")[0] ?? "";
  const cells = section.split("\n").flatMap((line) => (line.startsWith("| `") ? [line.split("|")[1] ?? ""] : []));
  return new Set(cells.flatMap((cell) => [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name ?? "")));
}

test("the document says of every log line what it means and what to do, and of none that does not exist", () => {
  const known = namesInDocument();
  known.delete("event");
  expect([...namesInSource()].sort()).toEqual([...known].sort());
});
