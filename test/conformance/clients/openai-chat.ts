import type OpenAI from "openai";
import type { ChatCompletionChunk, ChatCompletionMessageParam } from "openai/resources/chat/completions";
import type { Ask, Door, Session, Turn } from "./client.ts";
import { messageOf, openAIOf } from "./openai-sdk.ts";

/** Chat Completions through the SDK, streamed; the conversation is sent whole every time. */
export class ChatSession implements Session {
  readonly #openai: OpenAI;
  readonly #model: string;
  #messages: ChatCompletionMessageParam[] = [];

  constructor(door: Door) {
    this.#openai = openAIOf(door);
    this.#model = door.model;
  }

  ask(prompt: string, ask: Ask = {}): Promise<Turn> {
    this.#messages = [];
    return this.#turn(prompt, ask);
  }

  goOn(prompt: string): Promise<Turn> {
    return this.#turn(prompt, {});
  }

  async close(): Promise<void> {}

  async #turn(prompt: string, { signal, tool }: Ask): Promise<Turn> {
    this.#messages.push({ role: "user", content: prompt });
    const said = { text: "", input: 0, output: 0 };
    try {
      const calls = await this.#answer(said, signal, tool);
      if (calls.length > 0) {
        this.#messages.push({ role: "assistant", tool_calls: calls });
        for (const { id } of calls) this.#messages.push({ role: "tool", tool_call_id: id, content: "42" });
        await this.#answer(said, signal, tool);
      }
      this.#messages.push({ role: "assistant", content: said.text });
      return { text: said.text, error: null, tokens: { input: said.input, output: said.output } };
    } catch (error) {
      return { text: said.text, error: messageOf(error), tokens: null };
    }
  }

  /** Reads one answer into `said`, and gives the calls in it. */
  async #answer(said: Said, signal: AbortSignal | undefined, tool: string | undefined): Promise<ToolCall[]> {
    const stream = await this.#openai.chat.completions.create(
      {
        model: this.#model,
        messages: this.#messages,
        stream: true,
        stream_options: { include_usage: true },
        ...(tool === undefined ? {} : { tools: [{ type: "function", function: { name: tool } }] }),
      },
      { signal: signal ?? null },
    );
    const calls: ToolCall[] = [];
    for await (const chunk of stream) {
      said.text += chunk.choices[0]?.delta.content ?? "";
      said.input += chunk.usage?.prompt_tokens ?? 0;
      said.output += chunk.usage?.completion_tokens ?? 0;
      for (const call of chunk.choices[0]?.delta.tool_calls ?? []) addToCall(calls, call);
    }
    return calls;
  }
}

interface Said {
  text: string;
  input: number;
  output: number;
}

interface ToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; arguments: string };
}

/** A call comes in pieces, the first of which names it. */
function addToCall(calls: ToolCall[], piece: ChatCompletionChunk.Choice.Delta.ToolCall): void {
  const begun = calls[piece.index];
  if (begun) begun.function.arguments += piece.function?.arguments ?? "";
  else {
    const { name = "", arguments: text = "" } = piece.function ?? {};
    calls[piece.index] = { id: piece.id ?? "", type: "function", function: { name, arguments: text } };
  }
}
