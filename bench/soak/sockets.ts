import { WebSocket } from "undici";
import type { Entry } from "./book.ts";
import { MODEL, priceOf } from "./prices.ts";
import { MOST, type Place } from "./requests.ts";
import type { Customer } from "./service.ts";

const TURNS = 3;
const TURN_MS = 20_000;

interface Frame {
  readonly type: string;
  readonly spillway?: { readonly request_id: string };
  readonly response?: { readonly usage?: { readonly input_tokens: number; readonly output_tokens: number } | null };
}

/** A connection with some requests, one after the other. What breaks is not asked again: a turn has no key. */
export async function conversation(place: Place, customer: Customer): Promise<void> {
  const { book, service } = place;
  const openedAt = Date.now();
  const socket = new WebSocket(`${service.gateway.url.replace(/^http/, "ws")}/v1/responses`, {
    headers: { authorization: `Bearer ${customer.key}` },
  });
  try {
    await opened(socket);
    for (let turn = 0; turn < TURNS; turn += 1) {
      const entry = book.open("websocket", customer.id, MOST);
      const usage = await ask(socket, entry).finally(() => book.end(entry, "unsure"));
      book.end(entry, "answered", priceOf(usage.input_tokens, usage.output_tokens));
    }
  } catch (error) {
    book.trouble(openedAt, `websocket: ${String(error)}`);
  } finally {
    socket.close();
  }
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => resolve(), { once: true });
    socket.addEventListener("error", () => reject(new Error("not opened")), { once: true });
    socket.addEventListener("close", ({ code }) => reject(new Error(`closed with ${code}`)), { once: true });
  });
}

function ask(socket: WebSocket, entry: Entry): Promise<{ input_tokens: number; output_tokens: number }> {
  const metadata = { simulate: "input=30;output=25;pace=4" };
  const create = {
    type: "response.create",
    model: MODEL,
    input: "Hello",
    store: false,
    max_output_tokens: 200,
    metadata,
  };
  const { promise, resolve, reject } = Promise.withResolvers<{ input_tokens: number; output_tokens: number }>();
  const timer = setTimeout(() => reject(new Error("no answer in time")), TURN_MS);
  const onMessage = ({ data }: { data: unknown }) => {
    const frame: Frame = JSON.parse(String(data));
    entry.requestId = frame.spillway?.request_id ?? entry.requestId;
    if (frame.type === "error" || frame.type === "response.failed") reject(new Error(String(data).slice(0, 300)));
    if (frame.type === "response.completed" && frame.response?.usage) resolve(frame.response.usage);
  };
  const onClose = ({ code }: { code: number }) => reject(new Error(`closed with ${code}`));
  socket.addEventListener("message", onMessage);
  socket.addEventListener("close", onClose);
  socket.send(JSON.stringify(create));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.removeEventListener("message", onMessage);
    socket.removeEventListener("close", onClose);
  });
}
