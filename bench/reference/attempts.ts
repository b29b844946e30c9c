import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { MODEL, USAGE } from "../answers.ts";
import type { Kind } from "../load.ts";

/** What a client knows of one request that it sent. */
export interface Attempt {
  readonly kind: Kind;
  readonly key: string;
  readonly idempotencyKey: string;
  /** `null` when no answer began. */
  readonly requestId: string | null;
  /** `answered`: read to its end with status 200. `refused`: any other status. `cut`: the connection broke. */
  readonly outcome: "answered" | "refused" | "cut";
}

/** Asks for no more output than the upstream will write, so that a ceiling is hardly more than the price. */
const input = "Tell me, in one paragraph, how the spillway of a dam works. ".repeat(10);
const bodyOf = (kind: Kind) =>
  JSON.stringify({ model: MODEL, input, max_output_tokens: USAGE.output_tokens, stream: kind === "stream" });
const BODIES: Readonly<Record<Kind, string>> = { json: bodyOf("json"), stream: bodyOf("stream") };

/** A client that writes down what came of its requests. It never fails. */
export class Asker {
  readonly #agent = new Agent({ keepAlive: true, timeout: 3_000 });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** @param idempotencyKey that of an earlier request, to send it again */
  async ask(kind: Kind, key: string, idempotencyKey: string = randomUUID()): Promise<Attempt> {
    const asked = { kind, key, idempotencyKey };
    let requestId: string | null = null;
    try {
      const response = await this.#send(asked);
      const header = response.headers["x-request-id"];
      if (typeof header === "string") requestId = header;
      // Throws when the connection breaks before the end.
      for await (const _ of response);
      return { ...asked, requestId, outcome: response.statusCode === 200 ? "answered" : "refused" };
    } catch {
      return { ...asked, requestId, outcome: "cut" };
    }
  }

  async #send({ kind, key, idempotencyKey }: Pick<Attempt, "kind" | "key" | "idempotencyKey">) {
    const request = httpRequest({
      agent: this.#agent,
      host: "127.0.0.1",
      port: this.#port,
      method: "POST",
      path: "/v1/responses",
      headers: {
        authorization: `Bearer ${key}`,
        "content-type": "application/json",
        "idempotency-key": idempotencyKey,
      },
    });
    request.end(BODIES[kind]);
    const [response]: IncomingMessage[] = await once(request, "response");
    if (response === undefined) throw new Error("no response");
    return response;
  }
}
