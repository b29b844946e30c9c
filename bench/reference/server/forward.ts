import { Agent, type Dispatcher, request } from "undici";

/** Calls the upstream, over connections that are kept alive. */
export class Upstream {
  readonly #agent = new Agent({ keepAliveTimeout: 60_000 });
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(baseUrl: string, apiKey: string) {
    this.#url = `${baseUrl}/responses`;
    this.#headers = { "content-type": "application/json", authorization: `Bearer ${apiKey}` };
  }

  responses(body: string): Promise<Dispatcher.ResponseData> {
    return request(this.#url, { method: "POST", headers: this.#headers, body, dispatcher: this.#agent });
  }
}

export function contentType({ headers }: Dispatcher.ResponseData): string {
  const value = headers["content-type"];
  return typeof value === "string" ? value : "application/octet-stream";
}

export function isStream(answer: Dispatcher.ResponseData): boolean {
  return contentType(answer).startsWith("text/event-stream");
}
