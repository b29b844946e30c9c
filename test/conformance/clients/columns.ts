import { AiSdkSession } from "./ai-sdk-session.ts";
import type { Client, Door, Session } from "./client.ts";
import { CodexApp } from "./codex-app.ts";
import { codexExec } from "./codex-exec.ts";
import type { CodexSettings, Provider } from "./codex-home.ts";
import { ChatSession } from "./openai-chat.ts";
import { asJson, asStream, openAIOf, ResponsesSession } from "./openai-sdk.ts";
import { socketSession } from "./openai-socket.ts";

/** Codex, which a few situations know more of. */
export interface CodexClient extends Client {
  readonly settings: CodexSettings;
}

/** It tries a refused key six times, over WebSocket after as many connections. */
const CODEX_ASKS = { refused: 1, badKey: 6, overloaded: 5 };

function codex(name: string, provider: Provider): CodexClient {
  const settings = { provider, catalog: false };
  return {
    name,
    settings,
    api: "responses",
    transport: provider === "http" ? "http" : "websocket",
    asks: CODEX_ASKS,
    once: (door, prompt, ask) => codexExec(settings, door, prompt, ask),
    open: (door) => CodexApp.open(settings, door),
  };
}

interface SdkTerms extends Pick<Client, "api" | "transport" | "asks"> {
  open(door: Door): Session;
}

function sdk(name: string, { open, ...terms }: SdkTerms): Client {
  return {
    name,
    ...terms,
    open: async (door) => open(door),
    async once(door, prompt, ask) {
      const session = open(door);
      const turn = await session.ask(prompt, ask);
      await session.close();
      return turn;
    },
  };
}

/** The SDK obeys `x-should-retry`; else it asks three times. */
const OPENAI_ASKS = { refused: 1, badKey: 1, overloaded: 3 };
/** Over its WebSocket it leaves asking again to its user. */
const SOCKET_ASKS = { refused: 1, badKey: 1, overloaded: 1 };
/** Asks three times at every 429. */
const AI_ASKS = { refused: 3, badKey: 1, overloaded: 3 };

export const CODEX_HTTP = codex("Codex HTTP", "http");
export const CODEX_SOCKET = codex("Codex WebSocket", "websocket");
export const CODEX_BUILT_IN = codex("Codex built-in", "built-in");
export const OPENAI_JSON = sdk("openai JSON", {
  api: "responses",
  transport: "http",
  asks: OPENAI_ASKS,
  open: (door) => new ResponsesSession(door.model, asJson(openAIOf(door))),
});
export const OPENAI_STREAM = sdk("openai stream", {
  api: "responses",
  transport: "http",
  asks: OPENAI_ASKS,
  open: (door) => new ResponsesSession(door.model, asStream(openAIOf(door))),
});
export const OPENAI_SOCKET = sdk("openai WebSocket", {
  api: "responses",
  transport: "websocket",
  asks: SOCKET_ASKS,
  open: socketSession,
});
export const OPENAI_CHAT = sdk("openai chat", {
  api: "chat",
  transport: "http",
  asks: OPENAI_ASKS,
  open: (door) => new ChatSession(door),
});
export const AI_RESPONSES = sdk("AI SDK responses", {
  api: "responses",
  transport: "http",
  asks: AI_ASKS,
  open: (door) => new AiSdkSession(door, "responses"),
});
export const AI_CHAT = sdk("AI SDK chat", {
  api: "chat",
  transport: "http",
  asks: AI_ASKS,
  open: (door) => new AiSdkSession(door, "chat"),
});

/** In the order of the table. */
export const CODEX = [CODEX_HTTP, CODEX_SOCKET, CODEX_BUILT_IN] as const;
export const SDKS = [OPENAI_JSON, OPENAI_STREAM, OPENAI_SOCKET, OPENAI_CHAT, AI_RESPONSES, AI_CHAT] as const;
export const ALL: readonly Client[] = [...CODEX, ...SDKS];
export const OVER_SOCKET = ALL.filter(({ transport }) => transport === "websocket");
export const RESPONSES = ALL.filter(({ api }) => api === "responses");
