import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import type { WorkerOptions } from "./gateway-config.ts";
import { LOOPBACK, PortInUseError } from "./local-ports.ts";
import { followRuntime, type RuntimeProcess } from "./runtime-process.ts";

/** Which of the Worker's log lines reach our standard error. Those of the runtime itself never do. */
export type WorkerLog = "none" | "errors" | "all";

export interface LocalRuntimeOptions {
  readonly worker: WorkerOptions;
  /** 0 chooses a free one. */
  readonly port: number;
  /** Where state is kept over restarts, in the layout of `wrangler dev --persist-to`; without it, nowhere. */
  readonly stateDir: string | undefined;
  readonly log: WorkerLog;
  /** Where workerd listens for debuggers; without it, nowhere. */
  readonly inspectorPort?: number;
}

/** One Worker in its own workerd, started again on the same port if it dies. */
export interface LocalRuntime {
  readonly miniflare: Miniflare;
  readonly process: RuntimeProcess;
  readonly port: number;
}

/**
 * Starts a Worker whose port is a socket of its own (a *direct* socket). Miniflare's usual entry puts a Worker of its
 * own in front of every request, which costs two thirds of the throughput; it stays on a port of its own, for what
 * Miniflare itself does (D1 and cron from Node). Over the direct socket `request.cf` is undefined.
 *
 * @throws PortInUseError
 */
export async function startLocalRuntime(options: LocalRuntimeOptions): Promise<LocalRuntime> {
  const settings = convertV4MiniflareOptions({
    workers: [{ ...options.worker, unsafeDirectSockets: [{ host: LOOPBACK, port: options.port }] }],
    host: LOOPBACK,
    port: 0,
    cf: false,
    log: new Log(LogLevel.NONE),
    handleStructuredLogs: ({ level, message }) => {
      if (shows(options.log, level)) console.error(message);
    },
    ...(options.inspectorPort === undefined ? {} : { inspectorPort: options.inspectorPort }),
    ...(options.stateDir === undefined ? {} : { resourcePersistencePath: join(options.stateDir, "v3") }),
  });
  const { started: miniflare, runtime } = followRuntime(() => new Miniflare(settings));
  try {
    await miniflare.ready;
    const { port } = await miniflare.unsafeGetDirectURL();
    return { miniflare, process: runtime, port: Number(port) };
  } catch (error) {
    await miniflare.dispose();
    if (error instanceof Error && "code" in error && error.code === "ERR_ADDRESS_IN_USE") {
      throw new PortInUseError(options.port);
    }
    throw error;
  }
}

function shows(log: WorkerLog, level: string): boolean {
  if (log === "errors") return level === "error" || level === "warn";
  return log === "all";
}
