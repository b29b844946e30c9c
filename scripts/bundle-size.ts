import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { WranglerProcess } from "./wrangler-process.ts";

/** What would be uploaded. */
export interface BundleSize {
  readonly bytes: number;
  readonly gzipBytes: number;
  /** Bytes of each part (a package, or a folder of the Worker), largest first. */
  readonly parts: readonly { readonly name: string; readonly bytes: number }[];
}

/** The Worker cannot be bundled as it is. */
export class BundleError extends Error {
  override readonly name = "BundleError";
}

const METAFILE = "bundle-meta.json";
/** Wrangler writes these beside the modules and does not upload them. */
const NOT_UPLOADED = /\.map$|^README\.md$|^bundle-meta\.json$/;

/** The part of esbuild's metafile that tells where bytes come from. */
interface Metafile {
  readonly outputs: Readonly<
    Record<string, { readonly inputs?: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >;
}

/**
 * Bundles the Worker as `wrangler deploy` does, without a network or an account.
 *
 * @throws BundleError with wrangler's own words where it would not deploy
 */
export async function measureBundle(): Promise<BundleSize> {
  const directory = await mkdtemp(join(tmpdir(), "spillway-bundle-"));
  try {
    const wrangler = new WranglerProcess(["deploy", "--dry-run", "--outdir", directory, "--metafile"], "kept");
    const [output, exitCode] = await Promise.all([wrangler.readOutput(), wrangler.ended]);
    if (exitCode !== 0) throw new BundleError(`wrangler deploy --dry-run failed:\n${output}`);
    const names = (await readdir(directory)).filter((name) => !NOT_UPLOADED.test(name));
    const modules = await Promise.all(names.map((name) => readFile(join(directory, name))));
    const metafile: Metafile = JSON.parse(await readFile(join(directory, METAFILE), "utf8"));
    return {
      bytes: modules.reduce((sum, { length }) => sum + length, 0),
      gzipBytes: modules.reduce((sum, module) => sum + gzipSync(module).length, 0),
      parts: partsOf(metafile),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function partsOf({ outputs }: Metafile): BundleSize["parts"] {
  const parts = new Map<string, number>();
  for (const { inputs = {} } of Object.values(outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const name = partOf(path);
      parts.set(name, (parts.get(name) ?? 0) + bytesInOutput);
    }
  }
  return [...parts].map(([name, bytes]) => ({ name, bytes })).sort((a, b) => b.bytes - a.bytes);
}

/** `zod` for a file of that package, `src/proxy` for one of ours. */
function partOf(path: string): string {
  const inside = path.split("node_modules/").at(-1) ?? path;
  const [first = "", second = ""] = inside.split("/");
  if (inside === path) return second.includes(".") ? first : `${first}/${second}`;
  return first.startsWith("@") ? `${first}/${second}` : first;
}
