import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { guardProcess, releaseProcess } from "./orphan-guard.ts";
import { ROOT } from "./repository.ts";

const WRANGLER = join(dirname(createRequire(import.meta.url).resolve("wrangler/package.json")), "bin", "wrangler.js");

/** Wrangler without its questions, its news, its reports, and what slows it down. */
const QUIET = {
  CI: "true",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_SEND_METRICS: "false",
  X_LOCAL_EXPLORER: "false",
  X_LOCAL_OBSERVABILITY: "false",
};

const PATIENCE_MS = 3_000;

/** A wrangler command, with all the processes that it starts. */
export class WranglerProcess {
  readonly #child: ChildProcess;
  #exitCode: number | undefined;
  /** Resolves with the exit code; 1 when a signal ended it. */
  readonly ended: Promise<number>;

  /** @param output `shown` goes to our terminal, `kept` to `readOutput` */
  constructor(args: readonly string[], output: "shown" | "kept") {
    const io = output === "shown" ? "inherit" : "pipe";
    this.#child = spawn(process.execPath, [WRANGLER, ...args], {
      cwd: ROOT,
      env: { ...process.env, ...QUIET },
      stdio: ["ignore", io, io],
      // A process group of its own: a Ctrl-C reaches us alone, and we can end all of them with one call.
      detached: true,
    });
    const { pid } = this.#child;
    if (pid !== undefined) guardProcess(-pid);
    this.ended = once(this.#child, "exit").then(([code]) => {
      if (pid !== undefined) releaseProcess(-pid);
      const exitCode = typeof code === "number" ? code : 1;
      this.#exitCode = exitCode;
      return exitCode;
    });
  }

  get isRunning(): boolean {
    return this.#exitCode === undefined;
  }

  /** All that it writes until it ends. */
  async readOutput(): Promise<string> {
    const parts: string[] = [];
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (part: string) => parts.push(part));
    }
    await once(this.#child, "close");
    return parts.join("");
  }

  /** Asks it to end, and ends it after a while if it does not. */
  async end(): Promise<void> {
    if (!this.isRunning) return;
    // Wrangler alone: it would report a runtime that ends before it as a crash.
    this.#child.kill("SIGINT");
    await Promise.race([this.ended, sleep(PATIENCE_MS, undefined, { ref: false })]);
    this.#killGroup();
    await this.ended;
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // The whole group is gone already.
    }
  }
}
