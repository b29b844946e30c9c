import type { AccountObject } from "../durable-objects/account-object.ts";
import { type AccountObjects, JURISDICTIONS, LOCATIONS, type Placement, placed } from "../durable-objects/placement.ts";
import type { JobMessage } from "../durable-objects/resource-commands.ts";
import type { AlertMessage } from "./alerts/messages.ts";
import { baseUrlFault } from "./catalog/base-url.ts";
import { DEFAULT_UPSTREAM, type Upstream, USUAL_PATIENCE, type WebSocketMode } from "./catalog/upstream.ts";
import type { TopUpMessage } from "./payments/auto-top-up/queue.ts";

/** Bindings, variables and secrets as the platform gives them. */
export interface Env {
  readonly DB: D1Database;
  readonly ACCOUNTS: DurableObjectNamespace<AccountObject>;
  readonly LEDGER_QUEUE: Queue<string>;
  readonly JOB_QUEUE: Queue<JobMessage>;
  readonly TOP_UP_QUEUE: Queue<TopUpMessage>;
  readonly ALERT_QUEUE: Queue<AlertMessage>;
  /** Counts failed sign-ins by address, for all isolates of a location. */
  readonly FAILED_SIGN_INS: RateLimit;
  readonly SPILLWAY_ADMIN_TOKEN?: string;
  readonly SPILLWAY_KEY_SECRET?: string;
  /** Secrets of the webhooks by which upstreams tell of jobs, comma-separated: several while one replaces another. */
  readonly SPILLWAY_WEBHOOK_SECRETS?: string;
  /** How often a silent stream shows a coding client that it is alive (ms). */
  readonly SPILLWAY_KEEPALIVE_MS?: string;
  /** `off`: requests share neither calls to an object nor queue messages. Default `on`. */
  readonly SPILLWAY_GROUPED_CALLS?: string;
  /** Where accounts are kept. Chosen before the first account: those in another jurisdiction are not found any more. */
  readonly SPILLWAY_JURISDICTION?: string;
  /** Near where new accounts are kept. */
  readonly SPILLWAY_LOCATION_HINT?: string;
  /** Payments: both or neither. Several webhook secrets, comma-separated, while one replaces another. */
  readonly STRIPE_SECRET_KEY?: string;
  readonly STRIPE_WEBHOOK_SECRETS?: string;
  /** Where Stripe's API is, for tests. */
  readonly STRIPE_API_BASE?: string;
  /** The platform's own sign-in, by which its users reach the dashboard: all of the first three, or none. */
  readonly SPILLWAY_JWT_ISSUER?: string;
  readonly SPILLWAY_JWT_JWKS_URL?: string;
  readonly SPILLWAY_JWT_AUDIENCE?: string;
  /** The claim that names the account. */
  readonly SPILLWAY_JWT_ACCOUNT_CLAIM?: string;
  /** Origins of the pages that may send their users here, comma-separated. */
  readonly SPILLWAY_JWT_ORIGINS?: string;
  readonly UPSTREAM_BASE_URL?: string;
  readonly UPSTREAM_API_KEY?: string;
  /** Further request headers that may pass to the upstream, comma-separated. */
  readonly UPSTREAM_EXTRA_HEADERS?: string;
  /** How long an answer may take to begin, and then to go on (ms). */
  readonly UPSTREAM_FIRST_BYTE_MS?: string;
  readonly UPSTREAM_IDLE_MS?: string;
  /** `pass`, `bridge` or `refuse`. */
  readonly UPSTREAM_WEBSOCKET?: string;
}

/** How payments are taken. */
export interface StripeConfig {
  readonly secretKey: string;
  readonly webhookSecrets: readonly string[];
  readonly apiBase: string;
}

/** The platform's own sign-in. */
export interface TokenConfig {
  readonly issuer: string;
  readonly jwksUrl: string;
  readonly audience: string;
  readonly accountClaim: string;
  readonly origins: readonly string[];
}

export interface Config {
  readonly adminToken: string;
  readonly keySecret: string;
  readonly webhookSecrets: readonly string[];
  readonly keepAliveMs: number;
  readonly groupsCalls: boolean;
  /** `null`: no payments are taken. */
  readonly stripe: StripeConfig | null;
  /** `null`: people sign in with an API key only. */
  readonly token: TokenConfig | null;
  /** The upstream that the environment describes. */
  readonly upstream: Upstream;
  /** Further request headers that may pass to upstreams, in lower case. */
  readonly extraHeaders: readonly string[];
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

type MillisecondsName = "UPSTREAM_FIRST_BYTE_MS" | "UPSTREAM_IDLE_MS" | "SPILLWAY_KEEPALIVE_MS";

type PlacementName = "SPILLWAY_JURISDICTION" | "SPILLWAY_LOCATION_HINT";

/** Coding clients break off after minutes, proxies on the way sooner. */
const KEEPALIVE_MS = 15_000;

/** Reads the configuration; throws {@link ConfigError} with everything that is missing or wrong. */
export function readConfig(env: Env): Config {
  const problems: string[] = [];
  const required = (name: "SPILLWAY_ADMIN_TOKEN" | "SPILLWAY_KEY_SECRET" | "UPSTREAM_API_KEY"): string => {
    const value = env[name] ?? "";
    if (value.length < 8) problems.push(`${name} (secret, at least 8 characters)`);
    return value;
  };
  const milliseconds = (name: MillisecondsName, otherwise: number): number => {
    const text = env[name] ?? "";
    const value = text === "" ? otherwise : Number(text);
    if (!Number.isSafeInteger(value) || value <= 0) problems.push(`${name} (a number of milliseconds)`);
    return value;
  };

  const baseUrl = (env.UPSTREAM_BASE_URL ?? "").replace(/\/+$/, "");
  const fault = baseUrlFault(baseUrl);
  if (fault !== null) problems.push(`UPSTREAM_BASE_URL (${fault})`);
  const websocket = webSocketMode(env.UPSTREAM_WEBSOCKET);
  if (websocket === null) problems.push("UPSTREAM_WEBSOCKET (pass, bridge or refuse)");
  required("UPSTREAM_API_KEY");
  const config: Config = {
    adminToken: required("SPILLWAY_ADMIN_TOKEN"),
    keySecret: required("SPILLWAY_KEY_SECRET"),
    webhookSecrets: listOf(env.SPILLWAY_WEBHOOK_SECRETS),
    keepAliveMs: milliseconds("SPILLWAY_KEEPALIVE_MS", KEEPALIVE_MS),
    groupsCalls: groupsCalls(env, problems),
    stripe: stripeConfig(env, problems),
    token: tokenConfig(env, problems),
    upstream: {
      id: DEFAULT_UPSTREAM,
      baseUrl,
      keySecret: "UPSTREAM_API_KEY",
      auth: "bearer",
      query: {},
      features: null,
      models: null,
      order: 100,
      weight: 1,
      websocket: websocket ?? "bridge",
      videoExtensions: "added",
      patience: {
        ...USUAL_PATIENCE,
        firstByteMs: milliseconds("UPSTREAM_FIRST_BYTE_MS", USUAL_PATIENCE.firstByteMs),
        idleMs: milliseconds("UPSTREAM_IDLE_MS", USUAL_PATIENCE.idleMs),
      },
    },
    extraHeaders: listOf(env.UPSTREAM_EXTRA_HEADERS?.toLowerCase()),
  };
  placementOf(env, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** The accounts' objects where they are kept. Needs no secret, as the ledger's consumer does. Throws {@link ConfigError}. */
export function accountObjects(env: Env): AccountObjects {
  const problems: string[] = [];
  const placement = placementOf(env, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return placed(env.ACCOUNTS, placement);
}

function placementOf(env: Env, problems: string[]): Placement {
  const oneOf = <Name extends string>(names: readonly Name[], variable: PlacementName): Name | null => {
    const text = env[variable] ?? "";
    const name = names.find((known) => known === text) ?? null;
    if (text !== "" && name === null) problems.push(`${variable} (${names.join(", ")})`);
    return name;
  };
  return {
    jurisdiction: oneOf(JURISDICTIONS, "SPILLWAY_JURISDICTION"),
    locationHint: oneOf(LOCATIONS, "SPILLWAY_LOCATION_HINT"),
  };
}

function groupsCalls({ SPILLWAY_GROUPED_CALLS: text }: Env, problems: string[]): boolean {
  if (text && text !== "on" && text !== "off") problems.push("SPILLWAY_GROUPED_CALLS (on or off)");
  return text !== "off";
}

const STRIPE_API = "https://api.stripe.com";

/** A key without a secret would take money and grant nothing for it. */
function stripeConfig(env: Env, problems: string[]): StripeConfig | null {
  const secretKey = env.STRIPE_SECRET_KEY ?? "";
  const webhookSecrets = listOf(env.STRIPE_WEBHOOK_SECRETS);
  if (secretKey === "" && webhookSecrets.length === 0) return null;
  if (secretKey === "") problems.push("STRIPE_SECRET_KEY (or no STRIPE_WEBHOOK_SECRETS)");
  if (webhookSecrets.length === 0) problems.push("STRIPE_WEBHOOK_SECRETS (or no STRIPE_SECRET_KEY)");
  const apiBase = env.STRIPE_API_BASE || STRIPE_API;
  const fault = baseUrlFault(apiBase);
  if (fault !== null) problems.push(`STRIPE_API_BASE (${fault})`);
  return { secretKey, webhookSecrets, apiBase };
}

/** Keys that come over plain HTTP could be anybody's; only this machine's, and reserved test names, may. */
function isSafeUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && (url.protocol === "https:" || (url.protocol === "http:" && baseUrlFault(url.origin) === null));
}

const ACCOUNT_CLAIM = "spillway_account";

/** A sign-in that is not checked in full would open every account. */
function tokenConfig(env: Env, problems: string[]): TokenConfig | null {
  const { SPILLWAY_JWT_ISSUER: issuer, SPILLWAY_JWT_JWKS_URL: jwksUrl, SPILLWAY_JWT_AUDIENCE: audience } = env;
  if (!issuer && !jwksUrl && !audience) return null;
  if (!issuer) problems.push("SPILLWAY_JWT_ISSUER (the `iss` of the platform's tokens)");
  if (!audience) problems.push("SPILLWAY_JWT_AUDIENCE (the `aud` of tokens that are meant for Spillway)");
  if (!isSafeUrl(jwksUrl ?? "")) problems.push("SPILLWAY_JWT_JWKS_URL (https:// and where the platform's keys are)");
  return {
    issuer: issuer ?? "",
    jwksUrl: jwksUrl ?? "",
    audience: audience ?? "",
    accountClaim: env.SPILLWAY_JWT_ACCOUNT_CLAIM || ACCOUNT_CLAIM,
    origins: listOf(env.SPILLWAY_JWT_ORIGINS),
  };
}

function listOf(text: string | undefined): string[] {
  return (text ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** The key of an upstream; `null` when no such secret is set. Only variables of this prefix can be asked for. */
export function upstreamKey(env: Env, secret: string): string | null {
  const value: unknown = secret.startsWith("UPSTREAM_") ? Reflect.get(env, secret) : null;
  return typeof value === "string" && value !== "" ? value : null;
}

function webSocketMode(text: string | undefined): WebSocketMode | null {
  switch (text || "bridge") {
    case "pass":
      return "pass";
    case "bridge":
      return "bridge";
    case "refuse":
      return "refuse";
    default:
      return null;
  }
}
