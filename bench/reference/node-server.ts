import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A server of ours in a Node of its own; it tells its port when it is ready, and ends with us. */
export interface NodeServer {
  readonly pid: number;
  readonly port: number;
  /** SIGKILL, and wait for its end. */
  kill(): Promise<void>;
}

export async function startNodeServer(file: string, env: Readonly<Record<string, string>>): Promise<NodeServer> {
  const child = fork(join(import.meta.dirname, "server", file), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, NODE_ENV: "production", ...env },
  });
  const [port] = await Promise.race([once(child, "message"), failAtExit(child, file)]);
  const { pid } = child;
  if (pid === undefined || typeof port !== "number") throw new Error(`${file} did not tell its port`);
  return {
    pid,
    port,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function failAtExit(child: ChildProcess, file: string): Promise<never> {
  const [code] = await once(child, "exit");
  throw new Error(`${file} ended with ${code} before it was ready`);
}
