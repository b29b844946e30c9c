import { AsyncLocalStorage } from "node:async_hooks";
import { ChildProcess } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";
import { basename } from "node:path";
import { guardProcess, releaseProcess } from "./orphan-guard.ts";

/** The workerd process that one Miniflare instance started; another one after workerd died and was started again. */
export class RuntimeProcess {
  #pid: number | undefined;

  /** Undefined while no workerd runs: before the start, after the end, and while it is started again after a crash. */
  get pid(): number | undefined {
    return this.#pid;
  }

  follow(child: ChildProcess): void {
    child.once("spawn", () => {
      if (child.pid === undefined || !basename(child.spawnfile).startsWith("workerd")) return;
      this.#pid = child.pid;
      guardProcess(child.pid);
    });
    child.once("exit", () => {
      if (child.pid === undefined) return;
      releaseProcess(child.pid);
      if (this.#pid === child.pid) this.#pid = undefined;
    });
  }
}

const owner = new AsyncLocalStorage<RuntimeProcess>();
let subscribed = false;

/**
 * Runs `start` and follows the workerd that it starts, now or later after a crash. Miniflare does not tell the process
 * id; Node announces every child process of ours, and the asynchronous context says whose it is.
 */
export function followRuntime<T>(start: () => T): { started: T; runtime: RuntimeProcess } {
  if (!subscribed) {
    subscribe("child_process", announce);
    subscribed = true;
  }
  const runtime = new RuntimeProcess();
  return { started: owner.run(runtime, start), runtime };
}

function announce(message: unknown): void {
  const runtime = owner.getStore();
  if (runtime === undefined || typeof message !== "object" || message === null || !("process" in message)) return;
  if (message.process instanceof ChildProcess) runtime.follow(message.process);
}
