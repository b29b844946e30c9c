import type { Settings } from "./settings.ts";

/** What a start found out beside its settings. */
export interface BannerFacts {
  readonly port: number;
  readonly adminToken: string;
  /** Undefined: there is no demo account. */
  readonly demoKey: string | undefined;
}

/**
 * The text printed once the gateway answers: addresses, keys, and commands to copy. An admin token that the person gave
 * is not repeated.
 */
export function banner(settings: Settings, { port, adminToken, demoKey }: BannerFacts): string {
  const { upstreamBaseUrl, upstreamApiKey } = settings;
  const isKeyUnused = upstreamBaseUrl === undefined && upstreamApiKey !== undefined;
  const origin = `http://localhost:${port}`;
  const lines = [
    `Spillway listens on ${origin}`,
    `  Upstream     ${upstreamBaseUrl ?? "simulated (no account, no internet; set UPSTREAM_BASE_URL for a real one)"}`,
    ...(isKeyUnused ? ["               UPSTREAM_API_KEY is not used: UPSTREAM_BASE_URL is not set"] : []),
    ...(demoKey === undefined ? [] : [`  Demo key     ${demoKey}`]),
    ...(settings.adminToken === undefined ? [`  Admin token  ${adminToken}`] : []),
    "",
    ...(demoKey === undefined ? accountLines(origin) : demoLines(origin, demoKey)),
    "",
    `Dashboard: ${origin}/dashboard`,
    `API:       ${origin}/docs`,
    "Tool:      npx spillway --help",
    "Ctrl-C ends it; the state is kept.",
  ];
  return lines.join("\n");
}

function demoLines(origin: string, key: string): string[] {
  return [
    "Stream an answer:",
    `  curl -iN ${origin}/v1/responses -H "Authorization: Bearer ${key}" \\`,
    `    -H "Content-Type: application/json" \\`,
    `    -d '{"model":"gpt-5.4-mini","input":"Hello","stream":true,"max_output_tokens":200}'`,
    "",
    "See its receipt, with the x-request-id of the answer:",
    `  curl ${origin}/api/requests/REQUEST_ID -H "Authorization: Bearer ${key}"`,
    "",
    "Codex: put this at the top of ~/.codex/config.toml, then run",
    `  SPILLWAY_KEY=${key} codex`,
    "",
    `  model = "gpt-5.4-mini"`,
    `  model_provider = "spillway"`,
    "  [model_providers.spillway]",
    `  name = "Spillway"`,
    `  base_url = "${origin}/v1"`,
    `  env_key = "SPILLWAY_KEY"`,
    `  wire_api = "responses"`,
    "  supports_websockets = true",
  ];
}

function accountLines(origin: string): string[] {
  return [
    "Make an account, then a key for it (with the id that the first answers):",
    `  curl ${origin}/admin/accounts -H "Authorization: Bearer ADMIN_TOKEN" --json '{"plan":"plus"}'`,
    `  curl ${origin}/admin/accounts/ACCOUNT_ID/keys -H "Authorization: Bearer ADMIN_TOKEN" --json '{}'`,
  ];
}
