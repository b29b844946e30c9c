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
        let seen = await showLatest(tool, history, lines);
        while (!stop.aborted) {
          await sleep(Math.max(1, interval) * 1_000, undefined, { signal: stop });
          seen = await showSince(tool, history, seen);
        }
      } catch (error) {
        // To be stopped is how it ends.
        if (!stop.aborted) throw error;
      }
    });
}

/** The place of the newest event that was shown; `null` when there is none yet. */
type Seen = string | null;

async function showLatest(tool: Tool, history: History, lines: number): Promise<Seen> {
  const events = await history.requests({ limit: Math.max(1, Math.min(lines, 500)) }).all(Math.max(1, lines));
  for (const event of events.slice(0, lines).reverse()) await showRequest(tool, history, event);
  return events[0]?.id ?? null;
}

async function showSince(tool: Tool, history: History, seen: Seen): Promise<Seen> {
  const events: UsageEvent[] = [];
  for await (const event of history.requests()) {
    if (event.id === seen) break;
    events.push(event);
  }
  for (const event of events.reverse()) await showRequest(tool, history, event);
  return events.at(-1)?.id ?? seen;
}

async function showRequest(tool: Tool, history: History, event: UsageEvent): Promise<void> {
  const receipt = await history.receipt(event.request_id);
  await tool.showOne(receipt, () =>
    printable(`${when(event.at)}  ${event.request_id}  ${event.model}  ${receipt.sentence}`),
  );
}
