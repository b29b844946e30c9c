import { simulate } from "./simulation.ts";

const seed = Number(process.argv[2] ?? 1);
const count = Number(process.argv[3] ?? 1);
const begun = process.hrtime.bigint();
let bad = 0;
const kinds = new Map<string, string>();
const reached = new Map<string, number>();
for (let s = seed; s < seed + count; s += 1) {
  const run = await simulate(s);
  for (const [k, v] of run.reached) reached.set(k, (reached.get(k) ?? 0) + v);
  if (run.violation) {
    bad += 1;
    const k = run.violation.rule;
    if (!kinds.has(k)) kinds.set(k, `${s}: ${run.violation.message.slice(0, 400)}`);
  }
  if (count === 1) console.log(run.story.join("\n"), run.trace, run.requests, run.entries);
}
console.log(bad, kinds, reached, Number(process.hrtime.bigint() - begun) / 1e6 / count, "ms/seed");
