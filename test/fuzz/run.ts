import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { optionsOf } from "../../scripts/options.ts";
import type { Batch, Outcome } from "./batches.ts";
import { TARGETS } from "./targets.ts";

const USAGE = `usage: npm run fuzz                                  a minute of each target
       npm run fuzz -- --seconds 300 --only sse      five minutes of those whose name has "sse" in it
       npm run fuzz -- --only sse --seed 17          the one batch that failed, again`;

const values = optionsOf(
  process.argv.slice(2),
  {
    seconds: { type: "string", default: "60" },
    only: { type: "string", default: "" },
    seed: { type: "string" },
  },
  USAGE,
);

const BATCHES = join(import.meta.dirname, "batches.ts");
/** No batch takes longer, unless something in it never ends. */
const PATIENCE_MS = 60_000;

const seconds = wholeNumber(values.seconds);
const chosen = TARGETS.filter(({ name }) => name.includes(values.only));
if (chosen.length === 0) throw new Error(`no target has "${values.only}" in its name`);

let worker = new Worker(BATCHES);
const failed: string[] = [];
for (const { name } of chosen) {
  if (!(await fuzz(name))) failed.push(name);
}
await worker.terminate();
if (failed.length > 0) {
  console.error(`\nFailed: ${failed.join("; ")}`);
  process.exitCode = 1;
}

/** Whether everything held for as long as was asked, or for the one seed. */
async function fuzz(name: string): Promise<boolean> {
  const until = performance.now() + seconds * 1_000;
  let seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : wholeNumber(values.seed);
  let inputs = 0;
  do {
    const outcome = await inWorker({ name, seed });
    if (outcome.kind === "failed") return fail(name, seed, outcome.message);
    inputs += outcome.inputs;
    showProgress(name, inputs, until);
    seed += 1;
  } while (values.seed === undefined && performance.now() < until);
  console.log(`${clearLine()}${String(inputs).padStart(9)} inputs  ${name}`);
  return true;
}

/** One batch in a thread of its own, so that one that never ends can be told of. */
async function inWorker(batch: Batch): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const giveUp = setTimeout(() => resolve({ kind: "failed", message: `no end within ${PATIENCE_MS} ms` }), PATIENCE_MS);
  const onError = (error: Error) => resolve({ kind: "failed", message: String(error.stack) });
  worker.once("message", resolve).once("error", onError);
  worker.postMessage(batch);
  const outcome = await promise;
  clearTimeout(giveUp);
  worker.off("message", resolve).off("error", onError);
  if (outcome.kind === "failed") {
    await worker.terminate();
    worker = new Worker(BATCHES);
  }
  return outcome;
}

function fail(name: string, seed: number, message: string): false {
  console.error(`${clearLine()}\n${name} fails:\n${message}\n`);
  console.error(`Again: npm run fuzz -- --only ${JSON.stringify(name)} --seed ${seed}\n`);
  return false;
}

function showProgress(name: string, inputs: number, until: number): void {
  if (!process.stderr.isTTY) return;
  const left = Math.max(0, Math.ceil((until - performance.now()) / 1_000));
  process.stderr.write(`${clearLine()}${String(inputs).padStart(9)} inputs  ${name}, ${left} s to go`);
}

function clearLine(): string {
  return process.stderr.isTTY ? "\r\x1b[K" : "";
}

function wholeNumber(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`not a whole number: ${text}`);
  return Number(text);
}
