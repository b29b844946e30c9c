import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Edit, Mutant } from "./mutant-list.ts";

const ROOT = join(import.meta.dirname, "../..");
/** What the simulation consists of. */
const COPIED = [
  "src",
  "durable-objects",
  "migrations",
  "scripts/options.ts",
  "test/simulation",
  "test/support",
  "package.json",
];

/** The first seed that noticed, and what it noticed. */
export interface Caught {
  readonly seed: number;
  readonly rule: string;
  readonly message: string;
}

/** Simulates a copy of the source without one safeguard; `null` when no seed noticed. Throws when an edit does not fit. */
export async function huntMutant(mutant: Mutant, seeds: number): Promise<Caught | null> {
  const copy = await mkdtemp(join(tmpdir(), "spillway-mutant-"));
  try {
    for (const part of COPIED) await cp(join(ROOT, part), join(copy, part), { recursive: true });
    await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
    for (const edit of mutant.edits) await applyEdit(copy, mutant.safeguard, edit);
    return await run(copy, seeds);
  } finally {
    await rm(copy, { recursive: true });
  }
}

async function applyEdit(root: string, safeguard: string, edit: Edit): Promise<void> {
  const path = join(root, edit.file);
  const source = await readFile(path, "utf8");
  const misfit = misfitOf(source, edit);
  if (misfit !== null) throw new Error(`${safeguard}: ${misfit}`);
  await writeFile(
    path,
    source.replace(edit.find, () => edit.replace),
  );
}

/** Why the edits of a mutant no longer fit the source as it is now; `null` when they do. */
export async function findMisfit({ edits }: Mutant): Promise<string | null> {
  for (const edit of edits) {
    const misfit = misfitOf(await readFile(join(ROOT, edit.file), "utf8"), edit);
    if (misfit !== null) return misfit;
  }
  return null;
}

function misfitOf(source: string, { file, find }: Edit): string | null {
  const places = source.split(find).length - 1;
  return places === 1 ? null : `its edit fits ${places} places in ${file}, not one: ${find}`;
}

function run(copy: string, seeds: number): Promise<Caught | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Caught | null>();
  const script = join(copy, "test/simulation/run.ts");
  execFile(process.execPath, [script, "--seeds", String(seeds), "--json"], { cwd: copy }, (error, stdout, stderr) => {
    const line = stdout.trim().split("\n").at(-1) ?? "";
    if (line.startsWith("{")) resolve(JSON.parse(line) as Caught);
    else if (error) reject(new Error(`the mutant does not run: ${stderr}`));
    else resolve(null);
  });
  return promise;
}
