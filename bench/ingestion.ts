import { rm } from "node:fs/promises";
import { join } from "node:path";
import { applyMigrations } from "../scripts/d1-migrations.ts";
import { readGatewayConfig } from "../scripts/gateway-config.ts";
import { type LocalRuntime, startLocalRuntime } from "../scripts/local-runtime.ts";
import { ROOT } from "../scripts/repository.ts";
import { bundleWorker } from "../scripts/worker-bundle.ts";
import type { IngestionOrder, IngestionResult } from "./ingestion-worker.ts";
import { median } from "./statistics.ts";
import { newStateDir } from "./workbench.ts";

/** The ledger's writer in a workerd of its own, on the real schema in memory. */
export class Ingestion {
  readonly #runtime: LocalRuntime;
  readonly #resources: AsyncDisposableStack;
  #from = 1;

  static async start(): Promise<Ingestion> {
    await using started = new AsyncDisposableStack();
    const { worker, database } = readGatewayConfig({});
    const stateDir = await newStateDir();
    started.defer(() => rm(stateDir, { recursive: true, force: true }));
    const runtime = await startLocalRuntime({
      worker: {
        name: "ingestion",
        ...(worker.compatibilityDate === undefined ? {} : { compatibilityDate: worker.compatibilityDate }),
        ...(worker.compatibilityFlags === undefined ? {} : { compatibilityFlags: worker.compatibilityFlags }),
        modules: [{ type: "ESModule", path: "worker.js", contents: bundleWorker(WORKER) }],
        d1Databases: { [database.binding]: "00000000-0000-0000-0000-000000000000" },
      },
      port: 0,
      stateDir,
      log: "errors",
    });
    started.defer(() => runtime.miniflare.dispose());
    await applyMigrations(await runtime.miniflare.getD1Database(database.binding), database.migrationsDir);
    return new Ingestion(runtime, started.move());
  }

  private constructor(runtime: LocalRuntime, resources: AsyncDisposableStack) {
    this.#runtime = runtime;
    this.#resources = resources;
  }

  /** Writes new entries and tells what that took. */
  async write(order: Omit<IngestionOrder, "from">): Promise<IngestionResult> {
    const body: IngestionOrder = { ...order, from: this.#from };
    this.#from += order.batches * Math.ceil(order.size / order.accounts);
    const answer = await fetch(`http://127.0.0.1:${this.#runtime.port}/`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`The writer failed: ${(await answer.text()).slice(0, 500)}`);
    return (await answer.json()) as IngestionResult;
  }

  dispose(): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

const WORKER = join(ROOT, "bench", "ingestion-worker.ts");
const ORDER = { batches: 50, size: 100, accounts: 25, draws: 1 };

/** How the ledger takes debits in batches of 100. */
export interface IngestionFigures {
  readonly debitsPerSecond: number;
  readonly rowsWrittenPerDebit: number;
  readonly rowsReadPerDebit: number;
  readonly bytesPerDebit: number;
}

/** Medians of `rounds`, after one that warms up. */
export async function measureIngestion(rounds: number): Promise<IngestionFigures> {
  const ingestion = await Ingestion.start();
  try {
    await ingestion.write(ORDER);
    const results: IngestionResult[] = [];
    while (results.length < rounds) results.push(await ingestion.write(ORDER));
    const per = (of: (result: IngestionResult) => number) => median(results.map(of));
    return {
      debitsPerSecond: per(({ entries, tookMs }) => (entries / tookMs) * 1_000),
      rowsWrittenPerDebit: per(({ entries, rowsWritten }) => rowsWritten / entries),
      rowsReadPerDebit: per(({ entries, rowsRead }) => rowsRead / entries),
      bytesPerDebit: per(({ entries, bytesBefore, bytesAfter }) => (bytesAfter - bytesBefore) / entries),
    };
  } finally {
    await ingestion.dispose();
  }
}

if (import.meta.main) {
  const figures = await measureIngestion(5);
  console.log(`debits/s in batches of 100      ${figures.debitsPerSecond.toFixed(0)}`);
  console.log(`D1 rows written for each debit  ${figures.rowsWrittenPerDebit.toFixed(2)}`);
  console.log(`D1 rows read for each debit     ${figures.rowsReadPerDebit.toFixed(2)}`);
  console.log(`bytes kept for each debit       ${figures.bytesPerDebit.toFixed(0)}`);
}
