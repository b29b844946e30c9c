import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";

declare global {
  namespace Cloudflare {
    interface Env {
      /** The files of migrations/, put here by vitest.config.ts. */
      TEST_MIGRATIONS: D1Migration[];
    }
  }
}

/** Gives the test's D1 database the tables of migrations/; again needed after `reset()`, which removes them. */
export async function migrateD1(): Promise<void> {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
}
