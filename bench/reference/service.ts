import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { LOOPBACK } from "../../scripts/local-ports.ts";
import { guardProcess, releaseProcess } from "../../scripts/orphan-guard.ts";

/** A program that we started, with whatever it starts. */
export interface Service {
  readonly pid: number;
  /** The file that it writes its log to. */
  readonly log: string;
  readonly hasEnded: () => boolean;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  readonly log: string;
  readonly stopSignal: NodeJS.Signals;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** What it reads from standard input. */
  readonly input?: string;
}

const PATIENCE_MS = 10_000;

export function startService(program: string, args: readonly string[], options: ServiceOptions): Service {
  const { log, stopSignal, input = "", ...place } = options;
  const output = openSync(log, "a");
  // A process group of its own: a Ctrl-C in the terminal ends us, and we end it.
  const child = spawn(program, args, { ...place, detached: true, stdio: ["pipe", output, output] });
  closeSync(output);
  child.stdin?.end(input);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} could not be started`);
  guardProcess(pid);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  child.once("exit", () => releaseProcess(pid));
  return {
    pid,
    log,
    hasEnded,
    async stop() {
      if (hasEnded()) return;
      const ended = once(child, "exit");
      child.kill(stopSignal);
      await Promise.race([ended, sleep(PATIENCE_MS, undefined, { ref: false })]);
      if (!hasEnded()) child.kill("SIGKILL");
    },
  };
}

/** Asks until the service answers. */
export async function untilReady(name: string, service: Service, ask: () => Promise<unknown>): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (service.hasEnded()) throw new Error(`${name} ended at once:\n${readFileSync(service.log, "utf8")}`);
      if (Date.now() > giveUpAt) throw error;
      await sleep(100);
    }
  }
}

/** A port of the loopback that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, LOOPBACK);
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (typeof address !== "object" || address === null) throw new Error("no port was given");
  return address.port;
}
