import type { SecretFiles } from "./secrets-file.ts";
import type { Settings } from "./settings.ts";

/** The two secrets of a gateway on this machine, stable over restarts. */
export interface GatewaySecrets {
  readonly adminToken: string;
  readonly keySecret: string;
}

/** Takes what the environment gives; what it does not give is made up once and kept. */
export async function gatewaySecrets(settings: Settings, files: SecretFiles): Promise<GatewaySecrets> {
  return {
    adminToken: settings.adminToken ?? (await files.readOrMake("admin-token", "spill-admin-")),
    keySecret: settings.keySecret ?? (await files.readOrMake("key-secret", "")),
  };
}

/** The gateway's variables, but for those of a simulated upstream. */
export function gatewayVars(settings: Settings, secrets: GatewaySecrets): Record<string, string> {
  const { UPSTREAM_API_KEY, ...others } = settings.passedVars;
  // Never given to the simulated upstream: a real key stays where it is needed.
  const isKeyUsed = settings.upstreamBaseUrl !== undefined && UPSTREAM_API_KEY !== undefined;
  return {
    SPILLWAY_ADMIN_TOKEN: secrets.adminToken,
    SPILLWAY_KEY_SECRET: secrets.keySecret,
    ...others,
    ...(isKeyUsed ? { UPSTREAM_API_KEY } : {}),
  };
}
