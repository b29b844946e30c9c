import { join, resolve } from "node:path";
import { ROOT } from "./repository.ts";

/** An environment variable has a value that cannot be used. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/** What the environment says about a gateway on this machine. */
export interface Settings {
  /** 0 chooses a free one. */
  readonly port: number;
  /** Absolute path. */
  readonly stateDir: string;
  /** Undefined: one is made up, kept and printed. */
  readonly adminToken: string | undefined;
  /** Undefined: one is made up and kept. */
  readonly keySecret: string | undefined;
  /** Undefined: the simulated upstream. */
  readonly upstreamBaseUrl: string | undefined;
  readonly upstreamApiKey: string | undefined;
  /** Variables that the gateway gets as they are, by name: all of its upstreams, and some of its own. */
  readonly passedVars: Readonly<Record<string, string>>;
  readonly demo: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the environment variables of `npm start`. An empty variable is an unset one. @throws SettingsError */
export function readSettings(environment: Environment): Settings {
  const read = (name: string) => environment[name]?.trim() || undefined;
  return {
    port: readPort(read("PORT") ?? "8787"),
    stateDir: resolve(read("SPILLWAY_STATE_DIR") ?? join(ROOT, ".wrangler", "state")),
    adminToken: read("SPILLWAY_ADMIN_TOKEN"),
    keySecret: read("SPILLWAY_KEY_SECRET"),
    upstreamBaseUrl: readHttpUrl("UPSTREAM_BASE_URL", read("UPSTREAM_BASE_URL")),
    upstreamApiKey: read("UPSTREAM_API_KEY"),
    passedVars: readAll(environment, (name) => /^(?:UPSTREAM|SPILLWAY_JWT|STRIPE)_/.test(name) || PASSED.has(name)),
    demo: !["1", "true"].includes(read("SPILLWAY_NO_DEMO") ?? ""),
  };
}

const PASSED = new Set(["SPILLWAY_GROUPED_CALLS", "SPILLWAY_KEEPALIVE_MS", "SPILLWAY_WEBHOOK_SECRETS"]);

function readAll(environment: Environment, isPassed: (name: string) => boolean): Record<string, string> {
  const set = Object.entries(environment).flatMap(([name, text]) => {
    const value = text?.trim() ?? "";
    return isPassed(name) && value !== "" ? [[name, value] as const] : [];
  });
  return Object.fromEntries(set);
}

function readPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new SettingsError(`PORT must be a number from 0 to 65535, not "${text}"`);
}

function readHttpUrl(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new SettingsError(`${name} must be an http or https address such as https://api.openai.com/v1, not "${text}"`);
}
