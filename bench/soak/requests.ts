import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Book, Entry, Kind } from "./book.ts";
import { MODEL, micro, priceOf } from "./prices.ts";
import type { Customer, Service } from "./service.ts";

const INPUT_TOKENS = 30;
const MAX_OUTPUT_TOKENS = 200;
/** What a request can cost at most, whatever upstream reports: its body is far shorter than so many tokens. */
export const MOST = priceOf(1_000, MAX_OUTPUT_TOKENS);
const TRIES = 12;
const PAUSE_MS = 500;

export type Shape = "json" | "sse" | "chat" | "chat-sse";

export interface Question {
  readonly kind: Kind;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Controls of the simulated upstream. */
  readonly simulate: string;
  /** Under which a broken request is sent again. */
  readonly idempotencyKey: string;
  readonly most: number;
  /** Statuses that are expected instead of an answer. */
  readonly refusals?: readonly number[];
  /** Upstream fails because it is told to: anything may come. */
  readonly fails?: boolean;
}

export interface Answer {
  readonly entry: Entry;
  readonly response: Response;
  readonly text: string;
}

/** Where clients are, and where they write down what they are told. */
export interface Place {
  readonly service: Service;
  readonly book: Book;
}

export function question(kind: Kind, shape: Shape, output: number, simulate = ""): Question {
  const isChat = shape.startsWith("chat");
  const stream = shape.endsWith("sse");
  const asked = isChat
    ? { messages: [{ role: "user", content: "Hello" }], max_completion_tokens: MAX_OUTPUT_TOKENS }
    : { input: "Hello", max_output_tokens: MAX_OUTPUT_TOKENS };
  const options = isChat && stream ? { stream_options: { include_usage: true } } : {};
  return {
    kind,
    path: isChat ? "/v1/chat/completions" : "/v1/responses",
    body: { model: MODEL, stream, ...asked, ...options },
    simulate: `input=${INPUT_TOKENS};output=${output};pace=4;${simulate}`,
    idempotencyKey: randomUUID(),
    most: MOST,
  };
}

/**
 * Asks, and asks again under the same key where the connection broke or the gateway was not there, as a client would.
 * What was told is in the book; `null` where nothing could be read.
 */
export async function ask(place: Place, customer: Customer, asked: Question): Promise<Answer | null> {
  const { book, service } = place;
  const entry = book.open(asked.kind, customer.id, asked.most);
  for (let tried = 0; tried < TRIES; tried += 1) {
    const from = Date.now();
    try {
      const response = await send(service, customer, asked);
      entry.requestId = response.headers.get("x-request-id") ?? entry.requestId;
      const text = await response.text();
      const isAway = response.status >= 500 && asked.fails !== true;
      if (!isAway) {
        const answer = { entry, response, text };
        const { ending, price, trouble } = told(answer, asked, tried);
        if (trouble !== undefined) book.trouble(from, trouble);
        book.end(entry, ending, price);
        return answer;
      }
      book.trouble(from, `${asked.kind}: ${response.status} ${text.slice(0, 200)}`);
    } catch (error) {
      if (asked.fails !== true) book.trouble(from, `${asked.kind}: ${cause(error)}`);
      else if (!service.explains(from, Date.now())) break;
    }
    await sleep(PAUSE_MS);
  }
  book.end(entry, "unsure");
  return null;
}

export function send(
  service: Service,
  { key }: Customer,
  { path, body, simulate, idempotencyKey }: Question,
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(service.gateway.url + path, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      "idempotency-key": idempotencyKey,
      "x-simulate": simulate,
    },
    body: JSON.stringify(body),
    signal: signal ?? null,
  });
}

/** What an answer told its client: what it costs, or that it was refused; and what is wrong with it. */
interface Told {
  readonly ending: Entry["ending"];
  /** Micro-credits of an answered one. */
  readonly price?: number;
  readonly trouble?: string;
}

function told({ response, text }: Answer, asked: Question, tried: number): Told {
  const { status, headers } = response;
  const said = `${asked.kind}: ${status} ${text.slice(0, 200)}`;
  if (asked.fails === true) return { ending: "unsure" };
  if (asked.refusals !== undefined) {
    return { ending: "refused", ...(asked.refusals.includes(status) ? {} : { trouble: said }) };
  }
  // The first try of a request whose answer was lost is still held.
  if (status === 409 && tried > 0) return { ending: "unsure" };
  if (!response.ok) return { ending: "unsure", trouble: said };
  const charge = headers.get("spillway-charge");
  if (headers.get("idempotent-replay") !== null && charge !== null) return { ending: "answered", price: micro(charge) };
  const usage = usageIn(text);
  if (usage !== null) return { ending: "answered", price: priceOf(usage.input, usage.output) };
  // What a job used is told at its end.
  const isJob = asked.kind === "background" || asked.kind === "video";
  return { ending: "unsure", ...(isJob ? {} : { trouble: `${asked.kind}: no usage in ${text.slice(-200)}` }) };
}

export interface Usage {
  readonly input: number;
  readonly output: number;
}

interface UsageBody {
  readonly input_tokens?: number;
  readonly output_tokens?: number;
  readonly prompt_tokens?: number;
  readonly completion_tokens?: number;
}

interface Body {
  readonly usage?: UsageBody | null;
  readonly response?: { readonly usage?: UsageBody | null };
}

/** The usage that an answer ends with: of JSON, or of the last event of a stream that has any. */
export function usageIn(text: string): Usage | null {
  const lines = text.startsWith("{") ? [text] : text.split("\n").filter((line) => line.startsWith("data: {"));
  for (const line of lines.reverse()) {
    const body: Body = JSON.parse(line.replace(/^data: /, ""));
    const usage = body.usage ?? body.response?.usage;
    if (usage) {
      return {
        input: usage.input_tokens ?? usage.prompt_tokens ?? 0,
        output: usage.output_tokens ?? usage.completion_tokens ?? 0,
      };
    }
  }
  return null;
}

function cause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
