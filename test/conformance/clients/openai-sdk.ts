import OpenAI from "openai";
import type {
  Response,
  ResponseInputItem,
  ResponseStreamEvent,
  ResponsesServerEvent,
} from "openai/resources/responses/responses";
import type { Ask, Door, Session, Turn } from "./client.ts";

/** As any user makes it: retries and timeouts are the SDK's default. */
export function openAIOf({ baseUrl, key }: Door): OpenAI {
  return new OpenAI({ baseURL: baseUrl, apiKey: key });
}

/** A request of the Responses API, in the fields that every transport shares. */
export interface ResponseRequest {
  readonly model: string;
  readonly input: string | ResponseInputItem[];
  readonly previous_response_id?: string;
  readonly tools?: { type: "function"; name: string; parameters: Record<string, unknown>; strict: boolean }[];
}

/** Asks once. What has come so far is told to `onText`, because it stays even where the rest fails. */
export type Transport = (
  request: ResponseRequest,
  onText: (text: string) => void,
  signal: AbortSignal | undefined,
) => Promise<Response | null>;

export function asJson(openai: OpenAI): Transport {
  return async (request, onText, signal) => {
    const response = await openai.responses.create(request, { signal: signal ?? null });
    onText(response.output_text);
    return response;
  };
}

export function asStream(openai: OpenAI): Transport {
  return async (request, onText, signal) => {
    const stream = await openai.responses.create({ ...request, stream: true }, { signal: signal ?? null });
    let final: Response | null = null;
    for await (const event of stream) final = readEvent(event, onText) ?? final;
    return final;
  };
}

/** The response that ends a stream. @throws Error where the stream says that it failed */
export function readEvent(
  event: ResponseStreamEvent | ResponsesServerEvent,
  onText: (text: string) => void,
): Response | null {
  if (event.type === "response.output_text.delta") onText(event.delta);
  if (event.type === "response.failed") throw new Error(event.response.error?.message ?? "failed");
  return event.type === "response.completed" || event.type === "response.incomplete" ? event.response : null;
}

/** The Responses API through the SDK, whatever carries it. */
export class ResponsesSession implements Session {
  readonly #model: string;
  readonly #transport: Transport;
  readonly #end: () => void;
  #lastId: string | null = null;

  constructor(model: string, transport: Transport, end: () => void = () => undefined) {
    this.#model = model;
    this.#transport = transport;
    this.#end = end;
  }

  ask(prompt: string, { signal, tool }: Ask = {}): Promise<Turn> {
    const request = { model: this.#model, input: [{ role: "user" as const, content: prompt }] };
    return this.#turn(tool === undefined ? request : { ...request, tools: [functionTool(tool)] }, signal);
  }

  goOn(prompt: string): Promise<Turn> {
    if (this.#lastId === null) throw new Error("There is no answer to go on from");
    return this.#turn({ model: this.#model, input: prompt, previous_response_id: this.#lastId }, undefined);
  }

  async close(): Promise<void> {
    this.#end();
  }

  async #turn(request: ResponseRequest, signal: AbortSignal | undefined): Promise<Turn> {
    let text = "";
    const onText = (more: string) => {
      text += more;
    };
    try {
      const answer = await this.#transport(request, onText, signal);
      const results = resultsOf(answer);
      const last =
        answer && results.length > 0
          ? await this.#transport({ ...request, input: results, previous_response_id: answer.id }, onText, signal)
          : answer;
      this.#lastId = last?.id ?? null;
      return { text, error: null, tokens: tokensOf([answer, answer === last ? null : last]) };
    } catch (error) {
      return { text, error: messageOf(error), tokens: null };
    }
  }
}

function functionTool(name: string) {
  const parameters = { type: "object", properties: {}, additionalProperties: false };
  return { type: "function" as const, name, parameters, strict: false };
}

/** What the functions that an answer calls come to. */
function resultsOf(answer: Response | null): ResponseInputItem[] {
  return (answer?.output ?? []).flatMap((item) =>
    item.type === "function_call"
      ? [{ type: "function_call_output" as const, call_id: item.call_id, output: "42" }]
      : [],
  );
}

function tokensOf(answers: readonly (Response | null)[]): Turn["tokens"] {
  const usages = answers.flatMap((answer) => (answer?.usage ? [answer.usage] : []));
  if (usages.length === 0) return null;
  return {
    input: usages.reduce((sum, usage) => sum + usage.input_tokens, 0),
    output: usages.reduce((sum, usage) => sum + usage.output_tokens, 0),
  };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
