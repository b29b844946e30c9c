import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Door } from "./client.ts";

/** How Codex is told of the gateway. */
export type Provider =
  /** A provider of one's own, over HTTP. */
  | "http"
  /** The same, with WebSocket. */
  | "websocket"
  /** OpenAI's own, at another base URL; it uses WebSocket by default. */
  | "built-in";

export interface CodexSettings {
  readonly provider: Provider;
  /** Asks the gateway which models there are, instead of knowing them. */
  readonly catalog: boolean;
}

/** No Codex runs for longer; less than the time limit of a test. */
const LIMIT_MS = 50_000;

const CODEX = join(import.meta.dirname, "node_modules", ".bin", "codex");

/** A CODEX_HOME of its own, as a user would set it up, with nothing of this machine's. */
export class CodexHome {
  readonly #path: string;
  readonly #door: Door;

  private constructor(path: string, door: Door) {
    this.#path = path;
    this.#door = door;
  }

  static async make({ provider, catalog }: CodexSettings, door: Door): Promise<CodexHome> {
    const home = new CodexHome(await mkdtemp(join(tmpdir(), "spillway-codex-")), door);
    await mkdir(home.workDir);
    await writeFile(join(home.#path, "config.toml"), configOf({ provider, catalog }, door));
    if (provider === "built-in") await home.#logIn();
    return home;
  }

  /** Where Codex is let to work. It is empty. */
  get workDir(): string {
    return join(this.#path, "work");
  }

  /** Starts `codex` as the leader of a process group of its own, and with no variable of ours. */
  start(args: readonly string[], stdin: "ignore" | "pipe"): ChildProcess {
    const variables = {
      PATH: process.env.PATH ?? "",
      HOME: this.#path,
      CODEX_HOME: this.#path,
      SPILLWAY_KEY: this.#door.key,
    };
    const set = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const stdio: StdioOptions = [stdin, "pipe", "pipe"];
    const codex = spawn("env", ["-i", ...set, CODEX, ...args], { cwd: this.workDir, detached: true, stdio });
    endInTime(codex);
    return codex;
  }

  async remove(): Promise<void> {
    await rm(this.#path, { recursive: true, force: true, maxRetries: 5 });
  }

  /** The built-in provider takes its key from where `codex login` puts it. */
  async #logIn(): Promise<void> {
    const login = this.start(["login", "--with-api-key"], "pipe");
    login.stdin?.end(this.#door.key);
    const code = await new Promise((resolve) => login.once("close", resolve));
    if (code !== 0) throw new Error(`codex login ended with ${code}`);
  }
}

const running = new Set<ChildProcess>();
// A group of its own would outlive its parent.
process.once("exit", () => {
  for (const codex of running) endGroup(codex, "SIGKILL");
});

function endInTime(codex: ChildProcess): void {
  running.add(codex);
  const timer = setTimeout(() => endGroup(codex, "SIGKILL"), LIMIT_MS);
  codex.once("close", () => {
    running.delete(codex);
    clearTimeout(timer);
  });
}

/** Ends it and whatever it started. */
export function endGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It has ended already.
  }
}

function configOf({ provider, catalog }: CodexSettings, { baseUrl, model }: Door): string {
  const common = `model = "${model}"\ncheck_for_update_on_startup = false\n`;
  if (provider === "built-in") return `${common}openai_base_url = "${baseUrl}"\n`;
  return `${common}model_provider = "spillway"

[model_providers.spillway]
name = "Spillway"
base_url = "${baseUrl}"
env_key = "SPILLWAY_KEY"
wire_api = "responses"
supports_websockets = ${provider === "websocket"}
${catalog ? `model_catalog_url = "${baseUrl}/models"` : ""}
`;
}
