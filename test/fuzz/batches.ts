import { parentPort } from "node:worker_threads";
import fc from "fast-check";
import { TARGETS } from "./targets.ts";

/** As many inputs as `npm test` tries, made from this seed. */
export interface Batch {
  readonly name: string;
  readonly seed: number;
}

export type Outcome =
  | { readonly kind: "held"; readonly inputs: number }
  | { readonly kind: "failed"; readonly message: string };

parentPort?.on("message", async (batch: Batch) => parentPort?.postMessage(await run(batch)));

async function run({ name, seed }: Batch): Promise<Outcome> {
  const target = TARGETS.find((known) => known.name === name);
  if (!target) return { kind: "failed", message: "there is no such target" };
  const details = await fc.check(target.property, { seed, numRuns: target.runs });
  if (!details.failed) return { kind: "held", inputs: details.numRuns };
  return { kind: "failed", message: fc.defaultReportMessage(details) ?? "failed" };
}
