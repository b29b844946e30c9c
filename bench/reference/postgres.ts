import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Pool } from "pg";
import type { Programs } from "./programs.ts";
import { type Service, startService, untilReady } from "./service.ts";

export interface Postgres extends Service {
  readonly url: string;
  readonly pool: Pool;
}

/**
 * A PostgreSQL of its own with the schema of the reference, in the directory `parent`. Its settings are the defaults:
 * `fsync` and `synchronous_commit` are on, so an answered commit is on the disk.
 */
export async function startPostgres({ postgres, initdb, owner }: Programs, parent: string, port: number) {
  const home = join(parent, "postgres");
  const passwordFile = join(home, "password");
  const data = join(home, "data");
  const password = randomBytes(16).toString("hex");
  await mkdir(home, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (owner !== undefined) await Promise.all([home, passwordFile].map((path) => chown(path, owner.uid, owner.gid)));
  const account = ["-U", "bench", "-A", "scram-sha-256", `--pwfile=${passwordFile}`];
  await promisify(execFile)(initdb, ["-D", data, ...account, "-E", "UTF8", "--locale=C"], { ...owner, cwd: home });
  await rm(passwordFile);

  const options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="];
  const service = startService(postgres, ["-D", data, "-p", String(port), ...options], {
    ...owner,
    cwd: home,
    // Postgres writes its log there; of interest only if it does not start.
    log: join(parent, "postgres.log"),
    stopSignal: "SIGINT",
  });
  const url = `postgresql://bench:${password}@127.0.0.1:${port}/postgres`;
  const pool = new Pool({ connectionString: url, max: 4 });
  pool.on("error", () => undefined);
  await untilReady("postgres", service, () => pool.query("SELECT 1"));
  await pool.query(await readFile(join(import.meta.dirname, "server", "schema.sql"), "utf8"));
  return {
    ...service,
    url,
    pool,
    async stop() {
      await pool.end();
      await service.stop();
    },
  };
}
