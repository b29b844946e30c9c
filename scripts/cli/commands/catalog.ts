import type { Command } from "commander";
import type { Plan, PlanDocument, RateCardDocument, RateCardVersion } from "../../../client/types.ts";
import { changesText } from "../changes-text.ts";
import { command, group } from "../command.ts";
import { FileError, readDocument, wholeNumber } from "../inputs.ts";
import { type Column, table } from "../table.ts";
import type { Tool } from "../tool.ts";
import { when } from "../words.ts";

interface PutOptions {
  readonly dryRun?: boolean;
  readonly reason?: string;
}

const PLAN_COLUMNS: readonly Column<Plan>[] = [
  { title: "PLAN", value: (plan) => plan.id },
  { title: "VERSION", value: (plan) => plan.version, align: "right" },
  { title: "NAME", value: (plan) => plan.name },
  { title: "FEATURES", value: (plan) => Object.keys(plan.features).join(",") },
  { title: "ALLOWANCES", value: (plan) => plan.allowances.length, align: "right" },
  { title: "GATES", value: (plan) => plan.gates.length, align: "right" },
  { title: "SINCE", value: (plan) => when(plan.created_at) },
];

export function planCommands(tool: Tool): Command {
  return group("plans", "Plans: list, show, publish", [
    command("list", "List the newest version of every plan", ["plans list"]).action(async () => {
      const plans = await (await tool.operator()).plans.list().all();
      await tool.show(plans, () => table(PLAN_COLUMNS, plans, "There are no plans."));
    }),
    command("show", "Show a plan as its document, ready to be edited and put", [
      "plans show plus",
      "plans show plus > plus.json",
    ])
      .argument("<plan>", "its id")
      .action(async (id: string) => {
        const plans = await (await tool.operator()).plans.list({ limit: 500 }).all();
        const { id: _, version, created_at, ...document } = known(plans, id, "plan");
        await showDocument(tool, document);
        tool.terminal.note(`${id}, version ${version}, since ${when(created_at)}`);
      }),
    command("put", "Publish a plan; a changed document becomes the next version", [
      "plans put plus plus.json --dry-run",
      'plans put plus plus.json --reason "more for the same price"',
    ])
      .argument("<plan>", "its id")
      .argument("<file>", "the document as JSON; - reads standard input")
      .option("--dry-run", "only tell what it would change")
      .option("--reason <text>", "why, for the log")
      .action(async (id: string, file: string, { dryRun, ...why }: PutOptions) => {
        const { plans } = await tool.operator();
        const document = await readDocument<PlanDocument>(file);
        if (dryRun === true) {
          const preview = await plans.preview(id, document);
          return tool.show(preview, () => changesText(preview));
        }
        const plan = await plans.put(id, document, why);
        await tool.show(plan, () => table(PLAN_COLUMNS, [plan], ""));
      }),
  ]);
}

const CARD_COLUMNS: readonly Column<RateCardVersion>[] = [
  { title: "RATE CARD", value: (card) => card.id },
  { title: "VERSION", value: (card) => card.version, align: "right" },
  { title: "EFFECTIVE", value: (card) => when(card.effective_at) },
  { title: "IN FORCE", value: (card) => (card.in_force ? "yes" : "no") },
  { title: "MODELS", value: (card) => Object.keys(card.models).length, align: "right" },
];

export function rateCardCommands(tool: Tool): Command {
  return group("rate-cards", "Prices: list, show, publish", [
    command("list", "List every version of every rate card", ["rate-cards list"]).action(async () => {
      const cards = await (await tool.operator()).rateCards.list().all();
      await tool.show(cards, () => table(CARD_COLUMNS, cards, "There are no rate cards."));
    }),
    command("show", "Show a rate card as its document: the version in force, or another one", [
      "rate-cards show default",
      "rate-cards show default --version 2 > prices.json",
    ])
      .argument("<card>", "its id")
      .option("--version <number>", "this version instead of the one in force", wholeNumber)
      .action(async (id: string, { version }: { readonly version?: number }) => {
        const cards = await (await tool.operator()).rateCards.list({ limit: 500 }).all();
        const wanted = cards.filter((card) => (version === undefined ? card.in_force : card.version === version));
        const { models, ...card } = known(wanted, id, "rate card in that version");
        await showDocument(tool, { models });
        tool.terminal.note(`${id}, version ${card.version}, effective ${when(card.effective_at)}`);
      }),
    command("put", "Publish a version of a rate card, in force from its effective_at or at once", [
      "rate-cards put default prices.json --dry-run",
      'rate-cards put default prices.json --reason "new list prices"',
    ])
      .argument("<card>", "its id")
      .argument("<file>", "the document as JSON; - reads standard input")
      .option("--dry-run", "only tell what it would change")
      .option("--reason <text>", "why, for the log")
      .action(async (id: string, file: string, { dryRun, ...why }: PutOptions) => {
        const { rateCards } = await tool.operator();
        const document = await readDocument<RateCardDocument>(file);
        if (dryRun === true) {
          const preview = await rateCards.preview(id, document);
          return tool.show(preview, () => changesText(preview));
        }
        const card = await rateCards.put(id, document, why);
        await tool.show(card, () => table(CARD_COLUMNS, [card], ""));
      }),
  ]);
}

function known<Item extends { readonly id: string }>(items: readonly Item[], id: string, what: string): Item {
  const item = items.find((one) => one.id === id);
  if (!item) throw new FileError(`There is no ${what} ${id}.`);
  return item;
}

/** A document is JSON in any case: it is meant to be edited and put again. */
function showDocument(tool: Tool, document: unknown): Promise<void> {
  return tool.show(document, () => JSON.stringify(document, null, 2));
}
