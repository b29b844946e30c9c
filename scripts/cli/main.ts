import { runTool } from "./program.ts";
import { processTerminal } from "./terminal.ts";

process.exitCode = await runTool(process.argv.slice(2), processTerminal());
