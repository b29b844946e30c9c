import { type ParseArgsConfig, parseArgs } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** The options a command was called with; ends it with 2 and its usage where they cannot be read. */
export function optionsOf<const Known extends Options>(
  args: readonly string[],
  options: Known,
  usage: string,
): ReturnType<typeof parseArgs<{ args: string[]; options: Known }>>["values"] {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`);
    process.exit(2);
  }
}
