export type AccountingName = "check-then-debit" | "reserve-and-settle";

/** What a server process is told in its environment. */
export interface ServerSettings {
  readonly accounting: AccountingName;
  readonly port: number;
  readonly upstreamUrl: string;
  readonly redisUrl: string;
  readonly databaseUrl: string;
  /** How long a reservation waits for its request to end. */
  readonly holdMs: number;
}

export function serverEnvironment(settings: ServerSettings): Record<string, string> {
  return {
    ACCOUNTING: settings.accounting,
    PORT: String(settings.port),
    UPSTREAM_URL: settings.upstreamUrl,
    REDIS_URL: settings.redisUrl,
    DATABASE_URL: settings.databaseUrl,
    HOLD_MS: String(settings.holdMs),
  };
}

export function readServerSettings(env: NodeJS.ProcessEnv): ServerSettings {
  const text = (name: string) => {
    const value = env[name];
    if (value === undefined) throw new Error(`${name} is not set`);
    return value;
  };
  return {
    accounting: text("ACCOUNTING") === "reserve-and-settle" ? "reserve-and-settle" : "check-then-debit",
    port: Number(text("PORT")),
    upstreamUrl: text("UPSTREAM_URL"),
    redisUrl: text("REDIS_URL"),
    databaseUrl: text("DATABASE_URL"),
    holdMs: Number(text("HOLD_MS")),
  };
}
