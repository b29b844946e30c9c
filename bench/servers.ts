import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { readSimulatorConfig } from "../scripts/gateway-config.ts";
import { type LocalRuntime, startLocalRuntime } from "../scripts/local-runtime.ts";
import { ROOT } from "../scripts/repository.ts";
import { bundleWorker } from "../scripts/worker-bundle.ts";

export interface Upstream {
  readonly url: string;
  readonly process: ChildProcess;
}

/** The upstream in a process of its own; it ends with us, or by `process.disconnect()`. */
export async function startUpstream(): Promise<Upstream> {
  const child = fork(join(ROOT, "bench", "upstream.ts"), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const [port] = await once(child, "message");
  return { url: `http://127.0.0.1:${port}`, process: child };
}

/** The bare proxy in a workerd of its own, on Spillway's compatibility date. */
export function startBareProxy(upstreamUrl: string): Promise<LocalRuntime> {
  const { compatibilityDate, compatibilityFlags } = readSimulatorConfig();
  return startLocalRuntime({
    worker: {
      name: "bare-proxy",
      ...(compatibilityDate === undefined ? {} : { compatibilityDate }),
      ...(compatibilityFlags === undefined ? {} : { compatibilityFlags }),
      modules: [{ type: "ESModule", path: "worker.js", contents: bundleWorker(join(ROOT, "bench", "bare-proxy.ts")) }],
      bindings: { UPSTREAM_BASE_URL: `${upstreamUrl}/v1`, UPSTREAM_API_KEY: "sk-upstream-of-the-benchmark" },
    },
    port: 0,
    stateDir: undefined,
    log: "errors",
  });
}
