import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type Arguments, readArguments, USAGE_TEXT } from "./arguments.ts";
import { Client } from "./load.ts";
import { DRAIN_MS, type Figures, measureRound, type Variant } from "./measure.ts";
import { cpuSeconds } from "./process-cpu.ts";
import { progress } from "./progress.ts";
import { table } from "./report.ts";
import { startBareProxy, startUpstream } from "./servers.ts";
import { SocketClient } from "./sockets.ts";
import { type BenchAccount, BenchedSpillway, type Work } from "./spillway.ts";
import { stateRootOf } from "./state-root.ts";

const WARM_MS = 1_000;

/** Starts everything, measures, prints, and ends everything whatever happens. */
async function main(options: Arguments): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  progress("starting upstream, bare proxy and Spillway");
  const upstream = await startUpstream();
  cleanup.defer(() => upstream.process.disconnect());
  const bare = await startBareProxy(upstream.url);
  cleanup.defer(() => bare.miniflare.dispose());
  const stateRoot = stateRootOf(options);
  const spillway = await BenchedSpillway.start(stateRoot, upstream.url);
  cleanup.defer(() => spillway.dispose());

  progress(`making ${options.accounts + 1} accounts`);
  const [hot, ...many] = await spillway.makeAccounts(options.accounts + 1);
  if (hot === undefined) throw new Error("no account was made");
  const variants: Variant[] = [
    {
      name: "bare proxy",
      ...clientsOf(cleanup, bare.port, ["none"]),
      handedOn: new SocketClient({ port: bare.port, keys: ["none"] }, "/v1/handed-on"),
      pid: () => bare.process.pid,
      accounts: 1,
      work: async () => null,
      drainMs: 0,
    },
    spillwayVariant(cleanup, spillway, "Spillway, 1 account", [hot]),
    spillwayVariant(cleanup, spillway, `Spillway, ${options.accounts} accounts`, many),
  ];

  progress("warming up");
  for (const { client } of variants) await client.forDuration("json", 16, WARM_MS);
  for (const { client } of variants) await client.thisMany("stream", 16, 16);
  await sleep(DRAIN_MS);

  const rowsBefore = await spillway.ledgerRows();
  const sentBefore = sentToSpillway(variants);
  const rounds = await measure(variants, options.rounds);
  const alone = await workOfOne(spillway, hot);
  await spillway.checkBooks();
  const ledgerRows = ((await spillway.ledgerRows()) - rowsBefore) / (sentToSpillway(variants) + 1 - sentBefore);

  const names = variants.map(({ name }) => name);
  console.log(
    `\nMedians of ${options.rounds} rounds; Spillway's state under ${stateRoot}; × is the ratio to the bare proxy\n`,
  );
  console.log(table(names, rounds));
  console.log(`\nA request that comes alone: ${describeWork(alone)}`);
  console.log(`D1 rows written per request: ${ledgerRows.toFixed(2)}, and one for each account in a batch`);
  if (cpuSeconds(process.pid) === null) console.log("CPU is not shown: this system has no /proc.");
  if (options.json !== undefined) {
    const result = {
      rounds: rounds.map((round) => Object.fromEntries(round)),
      alone,
      ledgerRowsPerRequest: ledgerRows,
    };
    await writeFile(options.json, `${JSON.stringify(result, null, 2)}\n`);
  }
}

function clientsOf(
  cleanup: AsyncDisposableStack,
  port: number,
  keys: readonly string[],
): Pick<Variant, "client" | "sockets"> {
  const clients = { client: new Client({ port, keys }), sockets: new SocketClient({ port, keys }) };
  for (const client of Object.values(clients)) cleanup.defer(() => client.close());
  return clients;
}

function spillwayVariant(
  cleanup: AsyncDisposableStack,
  spillway: BenchedSpillway,
  name: string,
  accounts: readonly BenchAccount[],
): Variant {
  const { gateway } = spillway;
  const keys = accounts.map(({ key }) => key);
  return {
    name,
    ...clientsOf(cleanup, gateway.port, keys),
    handedOn: null,
    pid: () => gateway.workerdPid,
    accounts: accounts.length,
    work: () => spillway.work(accounts),
    drainMs: DRAIN_MS,
  };
}

/** All rounds; each begins with another variant. */
async function measure(variants: readonly Variant[], count: number): Promise<Map<string, Figures>[]> {
  const rounds: Map<string, Figures>[] = [];
  for (let round = 0; round < count; round += 1) {
    const first = round % variants.length;
    const order = [...variants.slice(first), ...variants.slice(0, first)];
    rounds.push(await measureRound(order, (text) => progress(`round ${round + 1} of ${count}: ${text}`)));
  }
  return rounds;
}

function sentToSpillway([, ...spillway]: readonly Variant[]): number {
  return spillway.reduce((total, { client, sockets }) => total + client.sent + sockets.sent, 0);
}

/** What one request costs that shares its outbox message with no other. */
async function workOfOne(spillway: BenchedSpillway, account: BenchAccount): Promise<Work | null> {
  const client = new Client({ port: spillway.gateway.port, keys: [account.key] });
  const before = await spillway.work([account]);
  await client.send("json");
  client.close();
  await sleep(DRAIN_MS);
  const after = await spillway.work([account]);
  if (before === null || after === null) return null;
  return {
    calls: after.calls - before.calls,
    rowsWritten: after.rowsWritten - before.rowsWritten,
    alarmsSet: after.alarmsSet - before.alarmsSet,
  };
}

function describeWork(work: Work | null): string {
  if (work === null) return "not known (the gateway does not tell)";
  return `${work.calls} object turns, ${work.rowsWritten} rows written, ${work.alarmsSet} alarms set`;
}

try {
  await main(readArguments(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof TypeError && "code" in error ? `${error.message}\n\n${USAGE_TEXT}` : error);
  process.exitCode = 1;
}
