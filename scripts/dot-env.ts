import { SettingsError } from "./settings.ts";

/**
 * Writes variables in the form that wrangler's `--env-file` reads back as they are. Its reader replaces `$NAME` within
 * every kind of quotes, and knows no escape for the quote itself.
 *
 * @throws SettingsError for a value that cannot be written
 */
export function dotEnv(vars: Readonly<Record<string, string>>): string {
  return Object.entries(vars)
    .map(([name, value]) => `${name}=${quoted(name, value)}\n`)
    .join("");
}

function quoted(name: string, value: string): string {
  const quote = ["'", "`"].find((candidate) => !value.includes(candidate));
  if (quote === undefined) throw new SettingsError(`${name} must not contain both ' and \``);
  return quote + value.replaceAll("$", "\\$") + quote;
}
