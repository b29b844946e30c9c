import { Agent, request as httpRequest } from "node:http";
import { performance } from "node:perf_hooks";

export interface Asked {
  readonly method?: "GET" | "POST";
  readonly path: string;
  readonly key: string;
  readonly body?: unknown;
  /** The status that is right; anything else fails. Default 200. */
  readonly status?: number;
}

export interface Told {
  readonly ms: number;
  readonly body: string;
  readonly requestId: string | undefined;
}

/** A client over connections that are kept alive. */
export class Caller {
  // workerd closes connections that are idle for five seconds; one that is just being closed must not be used again.
  readonly #agent = new Agent({ keepAlive: true, timeout: 3_000 });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Asks and reads the answer to its end. */
  ask({ method = "GET", path, key, body, status = 200 }: Asked): Promise<Told> {
    const sent = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const begun = performance.now();
    return new Promise((resolve, reject) => {
      const request = httpRequest({
        agent: this.#agent,
        host: "127.0.0.1",
        port: this.#port,
        method,
        path,
        headers: {
          authorization: `Bearer ${key}`,
          ...(sent === undefined ? {} : { "content-type": "application/json", "content-length": sent.length }),
        },
      });
      request.on("error", reject);
      request.on("response", (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("error", reject);
        response.on("end", () => {
          const told = Buffer.concat(pieces).toString();
          const requestId = response.headers["x-request-id"]?.toString();
          if (response.statusCode === status) resolve({ ms: performance.now() - begun, body: told, requestId });
          else reject(new Error(`${method} ${path} was answered with ${response.statusCode}: ${told.slice(0, 300)}`));
        });
      });
      request.end(sent);
    });
  }

  /** `count` questions, `width` at a time; `of` makes each from its number. */
  async askMany(count: number, width: number, of: (index: number) => Asked): Promise<Told[]> {
    const told: Told[] = [];
    let next = 0;
    const lane = async () => {
      while (next < count) {
        next += 1;
        told.push(await this.ask(of(next - 1)));
      }
    };
    await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
    return told;
  }
}

const MODEL = "gpt-5.4-mini";
const INPUT = "Tell me, in one paragraph, how the spillway of a dam works. ".repeat(12);

/** A small request that upstream answers at once and does not keep; `more` is added to its body. */
export function smallRequest(key: string, more: Readonly<Record<string, unknown>> = {}): Asked {
  const body = { model: MODEL, input: INPUT, max_output_tokens: 60, store: false, ...more };
  return { method: "POST", path: "/v1/responses", key, body };
}
