import { buildSync, type Loader } from "esbuild";

export interface BundleOptions {
  /** File endings that the Worker imports as text. */
  readonly textEndings?: readonly string[];
  /** Expressions that are replaced, as in wrangler.toml's `define`. */
  readonly define?: Readonly<Record<string, string>>;
  readonly minify?: boolean | undefined;
  /** Whether functions and classes keep the names that they have in the source. */
  readonly keepNames?: boolean | undefined;
}

/**
 * Bundles a Worker to one ES module, with the settings that `wrangler deploy` uses. Node's modules stay imports: workerd
 * brings its own, and the compatibility date of wrangler.toml turns them on. Synchronous, because esbuild then leaves no
 * helper process behind.
 *
 * @throws esbuild's `BuildFailure`, whose message names file, line and column.
 */
export function bundleWorker(entryPoint: string, options: BundleOptions = {}): string {
  const { outputFiles } = buildSync({
    entryPoints: [entryPoint],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    platform: "browser",
    conditions: ["workerd", "worker", "browser"],
    external: ["node:*", "cloudflare:*"],
    loader: Object.fromEntries((options.textEndings ?? []).map((ending): [string, Loader] => [ending, "text"])),
    minify: options.minify ?? false,
    keepNames: options.keepNames ?? false,
    define: { "process.env.NODE_ENV": '"production"', ...options.define },
    logLevel: "silent",
  });
  const [bundle] = outputFiles;
  if (bundle === undefined) throw new Error(`${entryPoint}: esbuild wrote no bundle`);
  return bundle.text;
}
