import type { AccountObject } from "../durable-objects/account-object.ts";
import type { LedgerMessage } from "./core/ledger-message.ts";

/** Bindings, variables and secrets as the platform gives them. */
export interface Env {
  readonly DB: D1Database;
  readonly ACCOUNTS: DurableObjectNamespace<AccountObject>;
  readonly LEDGER_QUEUE: Queue<LedgerMessage>;
  readonly SPILLWAY_ADMIN_TOKEN?: string;
  readonly SPILLWAY_KEY_SECRET?: string;
  readonly UPSTREAM_BASE_URL?: string;
  readonly UPSTREAM_API_KEY?: string;
  /** Further request headers that may pass to the upstream, comma-separated. */
  readonly UPSTREAM_EXTRA_HEADERS?: string;
  /** How long an answer may take to begin, and then to go on (ms). */
  readonly UPSTREAM_FIRST_BYTE_MS?: string;
  readonly UPSTREAM_IDLE_MS?: string;
}

export interface UpstreamConfig {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly extraHeaders: readonly string[];
  readonly firstByteMs: number;
  readonly idleMs: number;
}

export interface Config {
  readonly adminToken: string;
  readonly keySecret: string;
  readonly upstream: UpstreamConfig;
}

/** The gateway cannot run as it is configured. `problems` names every variable at fault, and never a value. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`Not configured: ${problems.join("; ")}`);
    this.problems = problems;
  }
}

const FIRST_BYTE_MS = 600_000;
const IDLE_MS = 120_000;

/** Reads the configuration; throws {@link ConfigError} with everything that is missing or wrong. */
export function readConfig(env: Env): Config {
  const problems: string[] = [];
  const required = (name: "SPILLWAY_ADMIN_TOKEN" | "SPILLWAY_KEY_SECRET" | "UPSTREAM_API_KEY"): string => {
    const value = env[name] ?? "";
    if (value.length < 8) problems.push(`${name} (secret, at least 8 characters)`);
    return value;
  };
  const milliseconds = (name: "UPSTREAM_FIRST_BYTE_MS" | "UPSTREAM_IDLE_MS", otherwise: number): number => {
    const text = env[name] ?? "";
    const value = text === "" ? otherwise : Number(text);
    if (!Number.isSafeInteger(value) || value <= 0) problems.push(`${name} (a number of milliseconds)`);
    return value;
  };

  const baseUrl = (env.UPSTREAM_BASE_URL ?? "").replace(/\/+$/, "");
  const fault = upstreamFault(baseUrl);
  if (fault) problems.push(`UPSTREAM_BASE_URL (${fault})`);
  const config: Config = {
    adminToken: required("SPILLWAY_ADMIN_TOKEN"),
    keySecret: required("SPILLWAY_KEY_SECRET"),
    upstream: {
      baseUrl,
      apiKey: required("UPSTREAM_API_KEY"),
      extraHeaders: (env.UPSTREAM_EXTRA_HEADERS ?? "")
        .split(",")
        .map((name) => name.trim().toLowerCase())
        .filter((name) => name !== ""),
      firstByteMs: milliseconds("UPSTREAM_FIRST_BYTE_MS", FIRST_BYTE_MS),
      idleMs: milliseconds("UPSTREAM_IDLE_MS", IDLE_MS),
    },
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** The key of the operator's provider is only ever sent over TLS, or to this machine and reserved test names. */
function upstreamFault(baseUrl: string): string | null {
  if (!URL.canParse(baseUrl)) return "the address of an OpenAI-shaped API, such as https://api.openai.com/v1";
  const url = new URL(baseUrl);
  if (url.username !== "" || url.password !== "") return "without user and password";
  if (url.protocol === "https:") return null;
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname) || url.hostname.endsWith(".test");
  return url.protocol === "http:" && local ? null : "https, except on this machine";
}
