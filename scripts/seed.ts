import { AdminClient } from "./admin-client.ts";
import { seedCatalog } from "./catalog-seed.ts";
import { ensureDemo } from "./demo.ts";
import type { SecretFiles } from "./secrets-file.ts";

export interface SeedOptions {
  readonly origin: string;
  readonly adminToken: string;
  readonly demo: boolean;
  readonly files: SecretFiles;
}

/** Gives a running gateway its plans, rate cards and demo account, where it lacks them. @returns the demo's key */
export async function seed({ origin, adminToken, demo, files }: SeedOptions): Promise<string | undefined> {
  const admin = new AdminClient(origin, adminToken);
  await seedCatalog(admin);
  return demo ? await ensureDemo(admin, origin, files) : undefined;
}
