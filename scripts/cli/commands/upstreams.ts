import type { Command } from "commander";
import type { Upstream, UpstreamDocument } from "../../../client/types.ts";
import { changesText } from "../changes-text.ts";
import { command, group } from "../command.ts";
import { readDocument } from "../inputs.ts";
import { type Column, table } from "../table.ts";
import type { Tool } from "../tool.ts";
import { listed } from "../words.ts";

interface SetOptions {
  readonly dryRun?: boolean;
  readonly reason?: string;
}

/** An upstream of the catalog, or that of the environment's variables. */
type Row = Pick<Upstream, "id" | "key_secret" | "key_set"> & Partial<Upstream>;

const COLUMNS: readonly Column<Row>[] = [
  { title: "UPSTREAM", value: (row) => row.id },
  { title: "ADDRESS", value: (row) => row.base_url ?? "from the environment" },
  { title: "KEY", value: (row) => `${row.key_secret} (${row.key_set ? "set" : "not set"})` },
  { title: "FEATURES", value: (row) => listed(row.features ?? null) },
  { title: "MODELS", value: (row) => listed(row.models ? Object.keys(row.models) : null) },
  { title: "ORDER", value: (row) => row.order ?? null, align: "right" },
  { title: "WEIGHT", value: (row) => row.weight ?? null, align: "right" },
  { title: "STATE", value: (row) => (row.enabled === false ? "disabled" : "enabled") },
];

export function upstreamCommands(tool: Tool): Command {
  return group("upstreams", "Where requests are sent: list, set, remove", [
    command("list", "List upstreams, in the catalog and of the environment", ["upstreams list"]).action(async () => {
      const { upstreams } = await tool.operator();
      const page = await upstreams.list({ limit: 500 }).page();
      const isReplaced = page.data.some(({ id }) => id === page.environment.id);
      const rows: readonly Row[] = isReplaced ? page.data : [page.environment, ...page.data];
      await tool.show(rows, () => table(COLUMNS, rows, "There are no upstreams."));
    }),
    command("set", "Add or replace an upstream by a document", [
      "upstreams set azure azure.json",
      "upstreams set azure azure.json --dry-run",
      "upstreams set azure - < azure.json",
    ])
      .argument("<id>", "its id")
      .argument("<file>", "the document as JSON; - reads standard input. Keys stay secrets of the Worker")
      .option("--dry-run", "only tell what it would change")
      .option("--reason <text>", "why, for the log")
      .action(async (id: string, file: string, { dryRun, ...why }: SetOptions) => {
        const { upstreams } = await tool.operator();
        const document = await readDocument<UpstreamDocument>(file);
        if (dryRun === true) {
          const preview = await upstreams.preview(id, document);
          return tool.show(preview, () => changesText(preview));
        }
        const upstream = await upstreams.put(id, document, why);
        await tool.show(upstream, () => table(COLUMNS, [upstream], ""));
        if (!upstream.key_set) tool.terminal.note(`Set its key: npx wrangler secret put ${upstream.key_secret}`);
      }),
    command("remove", "Remove an upstream: it gets no more requests", ["upstreams remove azure"])
      .argument("<id>", "its id")
      .option("--reason <text>", "why, for the log")
      .action(async (id: string, why: Pick<SetOptions, "reason">) => {
        const removed = await (await tool.operator()).upstreams.remove(id, why);
        await tool.show(removed, () => `${removed.id} is removed.`);
      }),
  ]);
}
