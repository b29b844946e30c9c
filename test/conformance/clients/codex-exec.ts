import { text } from "node:stream/consumers";
import type { Ask, Door, Turn } from "./client.ts";
import { CodexHome, type CodexSettings, endGroup } from "./codex-home.ts";

/** One line of `codex exec --json`, as far as it is read here. */
interface ExecEvent {
  readonly type: string;
  readonly item?: { readonly type: string; readonly text?: string; readonly message?: string };
  readonly error?: { readonly message: string };
  readonly usage?: { readonly input_tokens: number; readonly output_tokens: number };
}

export interface ExecTurn extends Turn {
  /** What Codex warns its user of, while it goes on. */
  readonly warnings: readonly string[];
}

/** `codex exec`: one question, and Codex ends. */
export async function codexExec(
  settings: CodexSettings,
  door: Door,
  prompt: string,
  { signal }: Ask = {},
): Promise<ExecTurn> {
  const home = await CodexHome.make(settings, door);
  const codex = home.start(["exec", "--json", "--skip-git-repo-check", prompt], "ignore");
  // As Ctrl-C does it.
  const leave = () => endGroup(codex, "SIGINT");
  signal?.addEventListener("abort", leave, { once: true });
  try {
    if (codex.stdout === null || codex.stderr === null) throw new Error("codex has no output");
    const [out, trouble] = await Promise.all([text(codex.stdout), text(codex.stderr)]);
    return turnOf(eventsOf(out), trouble);
  } finally {
    endGroup(codex, "SIGKILL");
    await home.remove();
  }
}

function eventsOf(out: string): ExecEvent[] {
  return out
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}

function turnOf(events: readonly ExecEvent[], trouble: string): ExecTurn {
  const items = events.flatMap(({ type, item }) => (type === "item.completed" && item ? [item] : []));
  const said = items.flatMap(({ type, text: words }) => (type === "agent_message" ? [words ?? ""] : []));
  const last = events.at(-1);
  const usage = last?.type === "turn.completed" ? last.usage : undefined;
  return {
    text: said.join("\n"),
    error: usage ? null : (last?.error?.message ?? `codex broke off: ${trouble.slice(-500)}`),
    warnings: items.flatMap(({ type, message }) => (type === "error" ? [message ?? ""] : [])),
    tokens: usage ? { input: usage.input_tokens, output: usage.output_tokens } : null,
  };
}
