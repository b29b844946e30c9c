import { setTimeout as sleep } from "node:timers/promises";
import { Caller } from "../caller.ts";
import { cpuSeconds } from "../process-cpu.ts";
import type { KeyedAccount, Workbench } from "../workbench.ts";
import type { Counted } from "./bill.ts";
import { LagWatch } from "./lag.ts";
import { makeAccounts, type Scenario, send } from "./scenarios.ts";
import { between, type Tally, tallyOf } from "./tally.ts";

/** What is known of a row of the three datasets from the measurement of their writer. */
export interface LedgerFigures {
  readonly rowsReadPerRow: number;
  readonly bytesPerRow: number;
}

export interface Outcome {
  readonly name: string;
  readonly requests: number;
  readonly counted: Counted;
  /** Entries in a message of the queue; `null` where none was sent. */
  readonly entriesPerMessage: number | null;
  /** How long the oldest entry of what came into D1 had been waiting: median and worst, in ms. */
  readonly lag: { readonly p50: number; readonly most: number } | null;
}

/** Until everything that follows from a request has happened: outbox 3 s, queue 1 s, and the ledger. */
const DRAIN_MS = 6_000;
/** Objects that hear nothing for ten seconds are put to sleep, and their counters with them. */
const KEEP_AWAKE_MS = 4_000;

/** A scenario by itself, with the CPU that it takes. */
export async function measureBusy(bench: Workbench, scenario: Scenario, ledger: LedgerFigures): Promise<Outcome> {
  const caller = new Caller(bench.gateway.port);
  const accounts = await makeAccounts(bench, scenario);
  const ids = accounts.map(({ id }) => id);
  await send(caller, scenario, accounts, 50);
  await sleep(DRAIN_MS);
  const before = await tallyOf(bench, ids);
  const cpuBefore = cpuSeconds(bench.gateway.workerdPid);
  const watch = await LagWatch.begin(bench.gateway, ids);
  await send(caller, scenario, accounts);
  await sleep(DRAIN_MS);
  const lag = await watch.end();
  const cpuAfter = cpuSeconds(bench.gateway.workerdPid);
  const done = between(before, await tallyOf(bench, ids));
  caller.close();
  const requests = scenario.requests * accounts.length;
  const cpuMs = cpuBefore === null || cpuAfter === null ? 0 : ((cpuAfter - cpuBefore) / requests) * 1_000;
  return outcomeOf(scenario, requests, done, cpuMs, lag, ledger);
}

/**
 * Scenarios side by side, each with accounts of its own, within seven minutes. They share the CPU, so each is billed
 * `cpuMs` for a request.
 */
export async function measureUnhurried(
  bench: Workbench,
  scenarios: readonly Scenario[],
  cpuMs: number,
  ledger: LedgerFigures,
): Promise<Outcome[]> {
  const caller = new Caller(bench.gateway.port);
  const made = await Promise.all(scenarios.map((scenario) => makeAccounts(bench, scenario)));
  const awake = keepAwake(bench, made.flat());
  const outcomes = await Promise.all(
    scenarios.map(async (scenario, index) => {
      const accounts = made[index] ?? [];
      const ids = accounts.map(({ id }) => id);
      if (scenario.steady) await Promise.all([send(caller, scenario, accounts, 1), sleep(scenario.everyMs)]);
      else await send(caller, scenario, accounts, 1);
      // Counted is what full minutes bring where the pace is slow, else what the requests bring until all is quiet.
      if (!scenario.steady) await sleep(DRAIN_MS);
      const before = await tallyOf(bench, ids);
      const watch = await LagWatch.begin(bench.gateway, ids);
      if (scenario.steady) {
        await Promise.all([send(caller, scenario, accounts), sleep(scenario.requests * scenario.everyMs)]);
      } else {
        await send(caller, scenario, accounts);
        await sleep(DRAIN_MS);
      }
      const lag = await watch.end();
      const done = between(before, await tallyOf(bench, ids));
      return outcomeOf(scenario, scenario.requests * accounts.length, done, cpuMs, lag, ledger);
    }),
  );
  clearInterval(awake);
  caller.close();
  return outcomes;
}

function keepAwake(bench: Workbench, accounts: readonly KeyedAccount[]): NodeJS.Timeout {
  return setInterval(() => {
    for (const { id } of accounts) bench.admin.accounts.work(id).catch(() => undefined);
  }, KEEP_AWAKE_MS);
}

function outcomeOf(
  { name, d1RowsBeside = 0 }: Scenario,
  requests: number,
  done: Tally,
  cpuMs: number,
  lag: Outcome["lag"],
  ledger: LedgerFigures,
): Outcome {
  const ledgerRows = done.ledgerRows / requests;
  const messages = messagesOf(done);
  // A balance is moved once for all entries of a batch, and then the object is told.
  const balanceRows = done.confirmations / requests;
  return {
    name,
    requests,
    counted: {
      objectRequests: done.objectRequests / requests,
      objectRowsWritten: (done.objectRowsWritten + done.alarmsSet) / requests,
      objectRowsRead: done.objectRowsRead / requests,
      messages: (messages + done.polls) / requests,
      objectMessages: (done.messages + done.polls) / requests,
      d1RowsWritten: ledgerRows + balanceRows + d1RowsBeside,
      d1RowsRead: ledgerRows * ledger.rowsReadPerRow,
      d1Bytes: ledgerRows * ledger.bytesPerRow,
      cpuMs,
    },
    entriesPerMessage: messages === 0 ? null : done.entries / messages,
    lag,
  };
}

/** Messages that carried entries: the objects' own, and a share of those that accounts had in common. */
function messagesOf({ messages, handedOver, flushedEntries, flushedMessages }: Tally): number {
  return messages + (flushedEntries === 0 ? 0 : (handedOver * flushedMessages) / flushedEntries);
}
