import { askAiSdk } from "./ai-sdk.mjs";
import type { Ask, Door, Session, Turn } from "./client.ts";

/** The AI SDK as an application keeps a conversation: by the messages that the SDK gave back. */
export class AiSdkSession implements Session {
  readonly #door: Door;
  readonly #api: "responses" | "chat";
  #messages: readonly object[] = [];

  constructor(door: Door, api: "responses" | "chat") {
    this.#door = door;
    this.#api = api;
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
    const messages = [...this.#messages, { role: "user", content: prompt }];
    const { messages: answer, ...turn } = await askAiSdk({ ...this.#door, api: this.#api, messages, signal, tool });
    this.#messages = [...messages, ...answer];
    return turn;
  }
}
