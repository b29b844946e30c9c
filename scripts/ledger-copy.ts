import { existsSync } from "node:fs";
import { copyFile, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** No ledger can be read where one was looked for. */
export class NoLedgerError extends Error {
  override readonly name = "NoLedgerError";
}

/** A copy of the local state's ledger database. */
export interface LedgerCopy extends AsyncDisposable {
  readonly path: string;
}

const TRIES = 5;

/**
 * Copies the D1 database of the state in `stateDir` to a temporary directory, so that a gateway that runs on it is not
 * disturbed. The copy is of one instant: it is made again when anything was written meanwhile. @throws NoLedgerError
 */
export async function copyLedger(stateDir: string): Promise<LedgerCopy> {
  const directory = join(stateDir, "v3", "d1", "miniflare-D1DatabaseObject");
  const names = await readdir(directory).catch((): string[] => []);
  const target = await mkdtemp(join(tmpdir(), "spillway-replay-"));
  const remove = () => rm(target, { recursive: true, force: true });
  try {
    for (const name of names.filter((file) => file.endsWith(".sqlite"))) {
      const path = await copyDatabase(join(directory, name), target);
      if (hasLedger(path)) return { path, [Symbol.asyncDispose]: remove };
    }
  } catch (error) {
    await remove();
    throw error;
  }
  await remove();
  throw new NoLedgerError(`There is no ledger in ${directory}. Name the state with --state-dir DIR.`);
}

/** Copies a database with its write-ahead log; the shared-memory index is made anew when the copy is opened. */
async function copyDatabase(path: string, directory: string): Promise<string> {
  const target = join(directory, basename(path));
  const files = [path, `${path}-wal`];
  for (let tried = 0; tried < TRIES; tried += 1) {
    const before = await versions(files);
    for (const file of files) {
      const copy = join(directory, basename(file));
      await rm(copy, { force: true });
      if (existsSync(file)) await copyFile(file, copy);
    }
    if ((await versions(files)) === before) return target;
  }
  throw new NoLedgerError(`${path} is written to all the time and cannot be copied. Try again at a quieter moment.`);
}

async function versions(files: readonly string[]): Promise<string> {
  const all = files.map(async (file) => {
    const found = await stat(file, { bigint: true }).catch(() => null);
    return found ? `${found.size} ${found.mtimeNs}` : "none";
  });
  return (await Promise.all(all)).join("|");
}

function hasLedger(path: string): boolean {
  const database = new DatabaseSync(path);
  try {
    const found = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'balance_updates'").get();
    return found !== undefined;
  } finally {
    database.close();
  }
}
