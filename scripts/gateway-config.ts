import { join } from "node:path";
import type { V4MiniflareOptions } from "miniflare";
import {
  unstable_getMiniflareWorkerOptions as getMiniflareWorkerOptions,
  unstable_readConfig as readConfig,
} from "wrangler";
import { ROOT } from "./repository.ts";
import { bundleWorker } from "./worker-bundle.ts";

/** One Worker of Miniflare's, without its HTTP socket. */
export type WorkerOptions = Extract<V4MiniflareOptions, { workers: unknown }>["workers"][number];

/** What wrangler.toml says, in the form in which the local runtime needs it. */
export interface GatewayConfig {
  readonly worker: WorkerOptions;
  /** Binding and migrations of the one D1 database. */
  readonly database: { readonly binding: string; readonly migrationsDir: string };
  /** Cron expressions. */
  readonly crons: readonly string[];
}

/**
 * Reads wrangler.toml through wrangler itself, so that bindings, queues and objects are said once, and bundles the
 * gateway.
 *
 * @param vars string bindings that are added to those of wrangler.toml, or replace them
 */
export function readGatewayConfig(vars: Readonly<Record<string, string>>): GatewayConfig {
  const config = readConfig({ config: join(ROOT, "wrangler.toml") });
  const { name, main, minify, keep_names: keepNames, d1_databases: databases } = config;
  const [database] = databases;
  if (name === undefined || main === undefined || database?.migrations_dir === undefined) {
    throw new Error("wrangler.toml must have a name, a main file and a D1 database with a migrations_dir");
  }
  const { workerOptions, define } = getMiniflareWorkerOptions(config);
  const { modulesRules = [], ...bindings } = workerOptions;
  const textEndings = modulesRules
    .filter((rule) => rule.type === "Text")
    .flatMap((rule) => rule.include.map((glob) => glob.slice(glob.lastIndexOf("*") + 1)));
  const contents = bundleWorker(main, { textEndings, define, minify, keepNames });
  return {
    worker: {
      ...bindings,
      name,
      modules: [{ type: "ESModule", path: "worker.js", contents }],
      // Not wrangler's own view of them, which mixes in a developer's .dev.vars.
      bindings: { ...config.vars, ...vars },
    },
    database: { binding: database.binding, migrationsDir: join(ROOT, database.migrations_dir) },
    crons: config.triggers.crons ?? [],
  };
}

/** The simulated upstream: a Worker without bindings, on the gateway's compatibility date. */
export function readSimulatorConfig(): WorkerOptions {
  const { compatibility_date: compatibilityDate = "", compatibility_flags: compatibilityFlags } = readConfig({
    config: join(ROOT, "wrangler.toml"),
  });
  return {
    name: "simulator",
    compatibilityDate,
    compatibilityFlags,
    modules: [{ type: "ESModule", path: "worker.js", contents: bundleWorker(join(ROOT, "simulator", "worker.ts")) }],
  };
}
