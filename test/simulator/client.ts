import { createSimulator } from "../../simulator/app.ts";

export const KEY = "sk-test-canary-1234567890";
export const RESPONSES = "/v1/responses";
export const CHAT = "/v1/chat/completions";
export const AUTHORIZED = { headers: { authorization: `Bearer ${KEY}` } };

/** What the tests look at in an answer; the fields that a scenario leaves out are typed all the same. */
export interface ResponseBody {
  id: string;
  object: string;
  status: string;
  metadata: Record<string, string>;
  incomplete_details: object | null;
  error: { type: string; code: string | null; message: string };
  output: { id: string; type: string; role?: string; name?: string; content: { text: string }[] }[];
  usage: {
    input_tokens: number;
    output_tokens: number;
    total_tokens: number;
    input_tokens_details: object;
    output_tokens_details: object;
  };
}
export interface ResponseEvent {
  type: string;
  sequence_number: number;
  delta: string;
  item: { type: string };
  response: ResponseBody;
  error: ResponseBody["error"];
}
export interface ChatBody {
  choices: { index: number; finish_reason: string | null }[];
  usage: {
    prompt_tokens: number;
    completion_tokens: number;
    prompt_tokens_details: object;
    completion_tokens_details: object;
  };
}
/** A chunk, or in its place an error. */
export interface ChatChunk extends Omit<ChatBody, "usage"> {
  usage?: ChatBody["usage"] | null;
}
export interface RecordedRequest {
  method: string;
  host: string;
  path: string;
  status: number;
  headers: Record<string, string>;
  body_bytes: number;
  fields: object;
  ending: string;
}
export interface JournalBody {
  counters: { by_ending: object; by_route: object };
  /** Oldest first. */
  requests: RecordedRequest[];
}

interface Options {
  headers?: Record<string, string>;
  env?: { SIMULATE?: string };
  signal?: AbortSignal;
}

let simulator = createSimulator();

/** A simulator that has seen no request yet. */
export function freshSimulator(): void {
  simulator = createSimulator();
}

export async function request(path: string, init?: RequestInit): Promise<Response> {
  return await simulator.request(path, init);
}

/** A request with a key and without a body. */
export async function ask(method: string, path: string, controls = ""): Promise<Response> {
  return await request(path, { method, headers: { ...AUTHORIZED.headers, "x-simulate": controls } });
}

/** Posts `body` with the controls `pace=0` and `controls`. */
export async function post(
  path: string,
  controls: string,
  body: object = {},
  options: Options = {},
): Promise<Response> {
  const headers = { ...AUTHORIZED.headers, "x-simulate": `pace=0;${controls}`, ...options.headers };
  const input = path === CHAT ? { messages: [{ role: "user", content: "Hi" }] } : { input: "Hi" };
  const text = JSON.stringify({ model: "gpt-5.4", ...input, ...body });
  const signal = options.signal ? { signal: options.signal } : {};
  return await simulator.request(path, { method: "POST", headers, body: text, ...signal }, options.env);
}

export async function json<T = ResponseBody>(response: Response | Promise<Response>): Promise<T> {
  return JSON.parse(await (await response).text());
}

export const journal = (): Promise<JournalBody> => json<JournalBody>(request("/simulator/requests"));

export async function lastRequest(): Promise<RecordedRequest> {
  const last = (await journal()).requests.at(-1);
  if (last === undefined) throw new Error("the simulator has seen no request");
  return last;
}

/** The data of every event in `text`; `[DONE]` is left out. Throws where data is not JSON. */
export function eventsIn<T = ResponseEvent>(text: string): T[] {
  const data = text.split("\n").filter((line) => line.startsWith("data: ") && line !== "data: [DONE]");
  return data.map((line) => JSON.parse(line.slice(6)));
}

/** The events of a stream that came to a clean end. */
export async function events<T = ResponseEvent>(response: Response | Promise<Response>): Promise<T[]> {
  return eventsIn<T>(await (await response).text());
}

/** All chunks that can be had, and whether the stream broke after them. */
export async function chunks(response: Response): Promise<{ parts: string[]; broke: boolean }> {
  const parts: string[] = [];
  try {
    for await (const part of response.body ?? []) parts.push(new TextDecoder().decode(part));
    return { parts, broke: false };
  } catch {
    return { parts, broke: true };
  }
}

/** The whole text of a response, or of the response in a terminal event. */
export function textOf(response: ResponseBody | undefined): string | undefined {
  return response?.output[0]?.content[0]?.text;
}

export const types = (list: ResponseEvent[]): string[] => list.map((event) => event.type);
export const deltas = (list: ResponseEvent[]): ResponseEvent[] =>
  list.filter((event) => event.type === "response.output_text.delta");
