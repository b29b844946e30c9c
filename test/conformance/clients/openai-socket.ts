import { ResponsesWS } from "openai/resources/responses/ws";
import type { Door } from "./client.ts";
import { openAIOf, ResponsesSession, readEvent, type Transport } from "./openai-sdk.ts";

/** The Responses API through the SDK's WebSocket, one connection for all questions as long as it stays open. */
export function socketSession(door: Door): ResponsesSession {
  let socket: ResponsesWS | null = null;

  function opened(): ResponsesWS {
    const fresh = new ResponsesWS(openAIOf(door));
    // Without it, an error that nobody waits for would end the process.
    fresh.on("error", () => undefined);
    fresh.on("close", () => {
      if (socket === fresh) socket = null;
    });
    socket = fresh;
    return fresh;
  }

  const transport: Transport = async (request, onText, signal) => {
    const connection = socket ?? opened();
    const events = connection.stream();
    signal?.addEventListener("abort", () => connection.close(), { once: true });
    connection.send({ type: "response.create", ...request });
    for await (const event of events) {
      if (event.type === "error") throw event.error;
      if (event.type === "close") throw new Error(`closed with ${event.code} ${event.reason}`);
      const final = event.type === "message" ? readEvent(event.message, onText) : null;
      if (final) return final;
    }
    throw new Error("The connection ended");
  };

  return new ResponsesSession(door.model, transport, () => socket?.close());
}
