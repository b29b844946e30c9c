import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Door, Session, Turn } from "./client.ts";
import { CodexHome, type CodexSettings, endGroup } from "./codex-home.ts";

/** What Codex knows of the account's windows; shown by the IDE extension and in status lines. */
export interface CodexLimits {
  readonly limitId: string;
  readonly primary: CodexWindow | null;
  readonly secondary: CodexWindow | null;
  readonly credits: { readonly hasCredits: boolean; readonly balance: string | null } | null;
}

interface CodexWindow {
  readonly usedPercent: number;
  readonly windowDurationMins: number | null;
  /** Epoch seconds. */
  readonly resetsAt: number | null;
}

/** One message of the app server, as far as it is read here. */
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly result?: { readonly thread?: { readonly id: string } };
  readonly error?: { readonly message: string };
  readonly params?: {
    readonly item?: { readonly type: string; readonly text?: string };
    readonly turn?: { readonly error: { readonly message: string } | null };
    readonly tokenUsage?: { readonly last: { readonly inputTokens: number; readonly outputTokens: number } };
    readonly rateLimits?: CodexLimits;
  };
}

/** `codex app-server`, which the IDE extensions run: a Codex that stays open, with its connection, over many turns. */
export class CodexApp implements Session {
  readonly #home: CodexHome;
  readonly #codex: ChildProcess;
  readonly #answers = new Map<number, (message: Message) => void>();
  #listener: (message: Message) => void = () => undefined;
  #threadId = "";
  #lastId = 0;
  /** As last announced. */
  limits: CodexLimits | null = null;

  private constructor(home: CodexHome) {
    this.#home = home;
    this.#codex = home.start(["app-server"], "pipe");
    if (!this.#codex.stdout || !this.#codex.stderr) throw new Error("codex has no output");
    this.#codex.stderr.resume();
    createInterface({ input: this.#codex.stdout }).on("line", (line) => this.#read(JSON.parse(line)));
  }

  static async open(settings: CodexSettings, door: Door): Promise<CodexApp> {
    const app = new CodexApp(await CodexHome.make(settings, door));
    await app.#call("initialize", { clientInfo: { name: "spillway-conformance", version: "1" } });
    app.#send({ method: "initialized" });
    const started = await app.#call("thread/start", { approvalPolicy: "never", sandbox: "read-only" });
    app.#threadId = started.result?.thread?.id ?? "";
    return app;
  }

  ask(prompt: string): Promise<Turn> {
    return this.#turn("turn/start", { input: [{ type: "text", text: prompt }] });
  }

  goOn(prompt: string): Promise<Turn> {
    return this.ask(prompt);
  }

  /** What `/compact` does. */
  compact(): Promise<Turn> {
    return this.#turn("thread/compact/start", {});
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#codex.once("close", resolve));
    endGroup(this.#codex, "SIGKILL");
    await closed;
    await this.#home.remove();
  }

  async #turn(method: string, params: object): Promise<Turn> {
    const said: string[] = [];
    let tokens: Turn["tokens"] = null;
    const ended = new Promise<string | null>((resolve) => {
      this.#listener = (message) => {
        const { item, turn, tokenUsage } = message.params ?? {};
        if (message.method === "item/completed" && item?.type === "agentMessage") said.push(item.text ?? "");
        if (tokenUsage) tokens = { input: tokenUsage.last.inputTokens, output: tokenUsage.last.outputTokens };
        if (message.method === "turn/completed") resolve(turn?.error?.message ?? null);
      };
      this.#codex.once("close", () => resolve("codex ended"));
    });
    const { error } = await this.#call(method, { threadId: this.#threadId, ...params });
    return { error: error?.message ?? (await ended), text: said.join("\n"), tokens };
  }

  #call(method: string, params: object): Promise<Message> {
    const id = ++this.#lastId;
    this.#send({ id, method, params });
    return new Promise((resolve) => this.#answers.set(id, resolve));
  }

  #send(message: object): void {
    this.#codex.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  #read(message: Message): void {
    if (message.method === undefined && message.id !== undefined) {
      this.#answers.get(message.id)?.(message);
      this.#answers.delete(message.id);
      return;
    }
    this.limits = message.params?.rateLimits ?? this.limits;
    this.#listener(message);
  }
}
