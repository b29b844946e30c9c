import type { LocalD1 } from "./d1-migrations.ts";
import { applyMigrations } from "./d1-migrations.ts";
import { everyMinute } from "./every-minute.ts";
import { readGatewayConfig, readSimulatorConfig } from "./gateway-config.ts";
import { LOOPBACK, waitForFreePort } from "./local-ports.ts";
import { type LocalRuntime, startLocalRuntime, type WorkerLog } from "./local-runtime.ts";

export interface LocalGatewayOptions {
  /** 0 chooses a free one. */
  readonly port: number;
  /** Where D1 and the accounts' objects are kept, shared with `wrangler dev --persist-to`; without it, nowhere. */
  readonly stateDir?: string;
  /** String bindings that are added to wrangler.toml's `[vars]`, or replace them. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Starts the simulated upstream and points the gateway at it; wins over `vars`. */
  readonly withSimulator?: boolean;
  /** Default: `errors`. */
  readonly log?: WorkerLog;
  /** Where the gateway's workerd listens for debuggers; without it, nowhere. */
  readonly inspectorPort?: number;
}

/** The gateway on this machine: the same Worker and bindings as deployed, in workerd. */
export interface LocalGateway {
  /** `http://127.0.0.1:<port>`; `http://localhost:<port>` reaches it too. */
  readonly url: string;
  readonly port: number;
  /** Origin of the simulated upstream. */
  readonly simulatorUrl: string | undefined;
  /** The gateway's workerd, or undefined in the moment between its death and its restart on the same port. */
  readonly workerdPid: number | undefined;
  /** The ledger's and the catalog's database. */
  getD1(): Promise<LocalD1>;
  /** Runs the scheduled handler as it is due at `at` (default: now), and waits for it. It also runs every minute. */
  runCron(at?: Date): Promise<void>;
  /** Ends the runtimes. State is safe without it: an end by SIGKILL loses nothing that was answered. */
  dispose(): Promise<void>;
}

const EVERY_MINUTE = "* * * * *";

/**
 * Starts the gateway, and the simulated upstream if asked, each in its own workerd; applies pending D1 migrations first.
 *
 * @throws PortInUseError
 */
export async function startLocalGateway(options: LocalGatewayOptions): Promise<LocalGateway> {
  const log = options.log ?? "errors";
  if (options.port !== 0) await waitForFreePort(options.port);
  const simulator = options.withSimulator === true ? await startSimulator(log) : undefined;
  try {
    const vars = { ...options.vars, ...(simulator === undefined ? {} : simulatorVars(simulator.url)) };
    return await startGateway(options, vars, simulator);
  } catch (error) {
    await simulator?.dispose();
    throw error;
  }
}

async function startGateway(
  options: LocalGatewayOptions,
  vars: Readonly<Record<string, string>>,
  simulator: Simulator | undefined,
): Promise<LocalGateway> {
  const config = readGatewayConfig(vars);
  const runtime = await startLocalRuntime({
    worker: config.worker,
    port: options.port,
    stateDir: options.stateDir,
    log: options.log ?? "errors",
    ...(options.inspectorPort === undefined ? {} : { inspectorPort: options.inspectorPort }),
  });
  const getD1 = () => runtime.miniflare.getD1Database(config.database.binding);
  const runCron = (at = new Date()) => runScheduledHandler(runtime, at);
  try {
    await applyMigrations(await getD1(), config.database.migrationsDir);
  } catch (error) {
    await runtime.miniflare.dispose();
    throw error;
  }
  const endCron = config.crons.includes(EVERY_MINUTE) ? everyMinute(runCron) : () => undefined;
  return {
    url: `http://${LOOPBACK}:${runtime.port}`,
    port: runtime.port,
    simulatorUrl: simulator?.url,
    get workerdPid() {
      return runtime.process.pid;
    },
    getD1,
    runCron,
    async dispose() {
      endCron();
      await Promise.all([runtime.miniflare.dispose(), simulator?.dispose()]);
    },
  };
}

async function runScheduledHandler({ miniflare }: LocalRuntime, scheduledTime: Date): Promise<void> {
  const worker = await miniflare.getWorker();
  await worker.scheduled({ cron: EVERY_MINUTE, scheduledTime });
}

/** The simulated upstream in a workerd of its own, so that it outlives a crash of the gateway's. */
export interface Simulator {
  /** Origin, without `/v1`. */
  readonly url: string;
  dispose(): Promise<void>;
}

/** Starts the simulated upstream on a free port of the loopback. */
export async function startSimulator(log: WorkerLog = "errors"): Promise<Simulator> {
  const { miniflare, port } = await startLocalRuntime({
    worker: readSimulatorConfig(),
    port: 0,
    stateDir: undefined,
    log,
  });
  return { url: `http://${LOOPBACK}:${port}`, dispose: () => miniflare.dispose() };
}

/** The gateway's variables that make the simulated upstream its upstream. */
export function simulatorVars(simulatorUrl: string): Record<string, string> {
  return {
    UPSTREAM_BASE_URL: `${simulatorUrl}/v1`,
    UPSTREAM_API_KEY: "sk-simulated-upstream",
    // Lets a caller ask the simulator for a failure, a delay or an odd answer.
    UPSTREAM_EXTRA_HEADERS: "x-simulate",
    UPSTREAM_WEBSOCKET: "pass",
  };
}
