import { Command } from "commander";

/** A command with examples at the end of its help. */
export function command(name: string, summary: string, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ spillway ${example}`);
  return new Command(name).description(summary).addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
}

/** A word under which commands stand: `spillway accounts …`. */
export function group(name: string, summary: string, commands: readonly Command[]): Command {
  const parent = new Command(name).description(summary);
  for (const one of commands) parent.addCommand(one);
  return parent;
}
