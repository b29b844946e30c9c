import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { UsageEvent } from "../../../client/types.ts";
import { command } from "../command.ts";
import { ACCOUNT_OPTION, type AccountOption, type History, historyOf } from "../history.ts";
import { wholeNumber } from "../inputs.ts";
import { printable } from "../table.ts";
import type { Tool } from "../tool.ts";
import { when } from "../words.ts";

interface TailOptions extends AccountOption {
  readonly lines: number;
  readonly interval: number;
}

/** `spillway tail`: requests as they end, each with the sentence of its receipt. */
export function tailCommand(tool: Tool): Command {
  return command("tail", "Follow the requests of an account as they end, until Ctrl-C", [
    "tail",
    "tail --account acct_acme --lines 0",
    "tail --account acct_acme --json",
  ])
    .option(...ACCOUNT_OPTION)
    .option("--lines <number>", "how many of the latest to show first", wholeNumber, 10)
    .option("--interval <seconds>", "how often to look", wholeNumber, 2)
    .action(async ({ lines, interval, ...whose }: TailOptions) => {
      const history = await historyOf(tool, whose);
      const { stop } = tool.terminal;
      try {
        const seen = await showLatest(tool, history, lines);
        while (!stop.aborted) {
          await sleep(Math.max(1, interval) * 1_000, undefined, { signal: stop });
          await showUnseen(tool, history, seen);
        }
      } catch (error) {
        // To be stopped is how it ends.
        if (!stop.aborted) throw error;
      }
    });
}

/** How many are looked at each time, and so how late an event may be. */
const LOOKED_AT = 50;
const REMEMBERED = 1_000;

/**
 * The events that were shown, or were there before, by their ids. The newest one is not enough: the ledger learns of
 * events in any order, and of one later that ended before others.
 */
type Seen = Set<string>;

async function showLatest(tool: Tool, history: History, lines: number): Promise<Seen> {
  const most = Math.max(lines, LOOKED_AT);
  const events = await history.requests({ limit: Math.min(most, 500) }).all(most);
  for (const event of events.slice(0, lines).reverse()) await showRequest(tool, history, event);
  return new Set(events.map(({ id }) => id).reverse());
}

async function showUnseen(tool: Tool, history: History, seen: Seen): Promise<void> {
  const unseen: UsageEvent[] = [];
  for await (const { data } of history.requests({ limit: LOOKED_AT }).pages()) {
    const more = data.filter(({ id }) => !seen.has(id));
    unseen.push(...more);
    if (more.length < data.length) break;
  }
  for (const event of unseen.reverse()) {
    await showRequest(tool, history, event);
    seen.add(event.id);
  }
  for (const id of seen) {
    if (seen.size <= REMEMBERED) break;
    seen.delete(id);
  }
}

async function showRequest(tool: Tool, history: History, event: UsageEvent): Promise<void> {
  const receipt = await history.receipt(event.request_id);
  await tool.showOne(receipt, () =>
    printable(`${when(event.at)}  ${event.request_id}  ${event.model}  ${receipt.sentence}`),
  );
}
