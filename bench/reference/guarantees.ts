import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { stopOnSignals } from "../../scripts/stop-signals.ts";
import { startUpstream } from "../servers.ts";
import { stateRootOf } from "../state-root.ts";
import type { Place } from "./candidates.ts";
import { type Crash, crashes } from "./crash.ts";
import { fail } from "./failure.ts";
import { findPrograms, type Programs } from "./programs.ts";
import { AT_ONCE, CREDITS_FOR, type Race, race } from "./race.ts";
import { referenceSubject } from "./reference-subject.ts";
import { spillwaySubject } from "./spillway-subject.ts";
import type { Subject } from "./subject.ts";

/** What was found out about one system. */
interface Findings {
  readonly json: Race;
  readonly stream: Race;
  readonly crash: Crash;
}

const USAGE_TEXT = `npm run bench:guarantees -- [--disk] [--json FILE]
  --disk       all state on the disk, not on a memory file system
  --json FILE  also writes what was found to FILE`;

/** How often each server is killed. */
const CRASHES = 5;

const FIRST_WIDTH = 66;
const WIDTH = 22;

const raceLines = (kind: "json" | "stream"): [string, (found: Findings) => number][] => [
  ["  let through at once", (found) => found[kind].atOnce],
  ["  let through one at a time afterwards", (found) => found[kind].afterwards],
  ["  answers that the credits do not pay", (found) => found[kind].tooMany],
  ["  charged requests in the ledger", (found) => found[kind].charged],
  ["  balance in the end, micro-credits", (found) => found[kind].balance],
];

const LINES: readonly [string, ((found: Findings) => number)?][] = [
  [`Credits for ${CREDITS_FOR} requests, ${AT_ONCE} at once, JSON (answered at once)`],
  ...raceLines("json"),
  [`The same with streams (200 ms each)`],
  ...raceLines("stream"),
  [`SIGKILL of the server under load, restart, recount (sums of ${CRASHES} times)`],
  ["  JSON answers that a client has read", ({ crash }) => crash.answered],
  ["    of which not charged", ({ crash }) => crash.answeredUncharged],
  ["  streams that a client has read to the end", ({ crash }) => crash.streams],
  ["    of which not charged", ({ crash }) => crash.streamsUncharged],
  ["  requests that were cut off", ({ crash }) => crash.cut],
  ["    of which charged", ({ crash }) => crash.cutCharged],
  ["    of which still reserved", ({ crash }) => crash.cutHeld],
  ["    of which the books know nothing", ({ crash }) => crash.cutUnknown],
  ["  charged twice after they were sent again", ({ crash }) => crash.chargedTwice],
  ["  difference between balance, copy and charges, micro-credits", ({ crash }) => crash.drift],
];

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { disk: { type: "boolean", default: false }, json: { type: "string" } },
  });
  const programs = findPrograms();
  await using cleanup = new AsyncDisposableStack();
  stopOnSignals(() => cleanup.disposeAsync());
  const upstream = await startUpstream();
  cleanup.defer(() => upstream.process.disconnect());
  const place = { upstreamUrl: upstream.url, stateRoot: stateRootOf(values) };

  const found = new Map<string, Findings>();
  for (const start of subjects(programs, place)) {
    const subject = await start();
    cleanup.defer(() => subject.dispose());
    console.error(`trying ${subject.name}`);
    found.set(subject.name, {
      json: await race(subject, "json"),
      stream: await race(subject, "stream"),
      crash: await crashes(subject, CRASHES),
    });
  }
  console.log(table(found));
  if (values.json !== undefined) {
    await writeFile(values.json, `${JSON.stringify(Object.fromEntries(found), null, 2)}\n`);
  }
}

function subjects(programs: Programs, place: Place): (() => Promise<Subject>)[] {
  return [
    () => spillwaySubject(place),
    () => referenceSubject(programs, { ...place, accounting: "check-then-debit" }),
    () => referenceSubject(programs, { ...place, accounting: "reserve-and-settle" }),
  ];
}

function table(found: ReadonlyMap<string, Findings>): string {
  const row = (first: string, cells: readonly string[]) =>
    first.padEnd(FIRST_WIDTH) + cells.map((cell) => cell.padStart(WIDTH)).join("");
  const lines = LINES.map(([title, of]) => row(title, of ? [...found.values()].map((one) => `${of(one)}`) : []));
  return ["", row("", [...found.keys()]), ...lines].join("\n");
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  fail(error, USAGE_TEXT);
}
