/** Errors whose message says all that a person can act on; of others the stack is shown too. */
const EXPLAINED = new Set(["BundleError", "SettingsError", "PortInUseError", "SpillwayError", "SpillwayUnreachable"]);

/** Prints why a command cannot go on, and ends it with exit code 1. */
export function fail(error: unknown): never {
  const isExplained = error instanceof Error && (EXPLAINED.has(error.name) || "errors" in error);
  console.error(isExplained ? error.message : error);
  process.exit(1);
}
