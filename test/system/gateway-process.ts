import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { ROOT } from "../../scripts/repository.ts";
import { until } from "./customer.ts";

const START_MS = 90_000;
const END_MS = 30_000;
/** The last line of what a started gateway prints. */
const READY = /Ctrl-C ends it/;

export interface GatewayProcessOptions {
  readonly port: number;
  readonly stateDir: string;
  readonly adminToken: string;
  /** Variables beside those; without an upstream among them it is the simulated one. */
  readonly vars?: Readonly<Record<string, string>>;
}

/** A gateway as its user starts it: `npm start`, without the demo account. */
export class GatewayProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  #output = "";

  /** Resolves when the gateway has said that it is ready. */
  static async start(options: GatewayProcessOptions): Promise<GatewayProcess> {
    const gateway = new GatewayProcess(options);
    await until("npm start to be ready", START_MS, async () => gateway.#isReady());
    return gateway;
  }

  private constructor({ port, stateDir, adminToken, vars }: GatewayProcessOptions) {
    this.url = `http://127.0.0.1:${port}`;
    this.#child = spawn("npm", ["start"], {
      cwd: ROOT,
      // A process group of its own, so that all of it can be killed at once.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        PORT: String(port),
        SPILLWAY_STATE_DIR: stateDir,
        SPILLWAY_ADMIN_TOKEN: adminToken,
        SPILLWAY_NO_DEMO: "1",
        UPSTREAM_BASE_URL: "",
        UPSTREAM_API_KEY: "",
        ...vars,
      },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
  }

  /** What it printed. */
  get output(): string {
    return this.#output;
  }

  /** The processes that it consists of: npm, the gateway's Node, both workerds, and whatever else they started. */
  async processes(): Promise<number[]> {
    return this.#child.pid === undefined ? [] : withDescendants(this.#child.pid);
  }

  /** Kills the whole process group with SIGKILL, as a power cut would, and waits until every process of it has gone. */
  async kill(): Promise<void> {
    const { pid } = this.#child;
    if (pid === undefined) return;
    const all = await this.processes();
    try {
      process.kill(-pid, "SIGKILL");
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    await until(
      "the end of every process of the gateway",
      END_MS,
      async () => ((await anyAlive(all)) ? null : true),
      20,
    );
  }

  #isReady(): true | null {
    if (this.#child.exitCode !== null) throw new Error(`npm start ended at once:\n${this.#output}`);
    return READY.test(this.#output) ? true : null;
  }
}

/**
 * A port of the loopback that nobody listens on at the moment. It is none of those that a system gives to outgoing
 * connections, one of which could have it before the gateway does, or while the gateway is restarted.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

interface ProcessLine {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
}

/** Whoever puts load on the gateway goes on meanwhile: a test that stood still would find its requests ended before the kill. */
async function processTable(): Promise<ProcessLine[]> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid=,stat="]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => {
      const [pid = "", parent = "", state = ""] = line.trim().split(/\s+/);
      return { pid: Number(pid), parent: Number(parent), state };
    });
}

async function withDescendants(root: number): Promise<number[]> {
  const table = await processTable();
  const found = [root];
  for (const pid of found) {
    for (const line of table) if (line.parent === pid) found.push(line.pid);
  }
  return found;
}

/** A process that ended but was not collected by its parent yet (a zombie) is not alive. */
async function anyAlive(pids: readonly number[]): Promise<boolean> {
  const table = await processTable();
  return table.some(({ pid, state }) => pids.includes(pid) && !state.startsWith("Z"));
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ESRCH";
}
