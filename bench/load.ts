import { Agent, request as httpRequest } from "node:http";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { JSON_ANSWER, MODEL, SLOW_MARK, STREAM_BYTES } from "./answers.ts";

/** Where requests go. Keys are used in turn. */
export interface Target {
  readonly port: number;
  readonly keys: readonly string[];
}

export type Kind = "json" | "stream";
/** What is asked for: an answer as fast as it comes, or a stream that takes its time. */
type Asked = Kind | "slow stream";

export interface Timing {
  readonly firstByteMs: number;
  readonly totalMs: number;
}

const input = "Tell me, in one paragraph, how the spillway of a dam works. ".repeat(12);
// Codex keeps nothing at the upstream; an answer that is kept costs two object rows more.
const REQUEST = { model: MODEL, input, max_output_tokens: 400, store: false };
export const BODIES: Readonly<Record<Asked, Buffer>> = {
  json: Buffer.from(JSON.stringify({ ...REQUEST, stream: false })),
  stream: Buffer.from(JSON.stringify({ ...REQUEST, stream: true })),
  "slow stream": Buffer.from(JSON.stringify({ ...REQUEST, stream: true, metadata: { pace: SLOW_MARK } })),
};
const BYTES: Readonly<Record<Asked, number>> = {
  json: JSON_ANSWER.length,
  stream: STREAM_BYTES,
  "slow stream": STREAM_BYTES,
};

/** A client with connections that are kept alive. Every answer is checked: its status and its length. */
export class Client {
  // workerd closes connections that are idle for five seconds; one that is just being closed must not be used again.
  readonly #agent = new Agent({ keepAlive: true, timeout: 3_000 });
  readonly #target: Target;
  #sent = 0;

  constructor(target: Target) {
    this.#target = target;
  }

  /** Requests sent so far. */
  get sent(): number {
    return this.#sent;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Sends one request and reads its answer to the end. */
  send(kind: Asked): Promise<Timing> {
    const { port, keys } = this.#target;
    const key = keys[this.#sent % keys.length];
    this.#sent += 1;
    const body = BODIES[kind];
    const begun = performance.now();
    return new Promise((resolve, reject) => {
      const request = httpRequest({
        agent: this.#agent,
        host: "127.0.0.1",
        port,
        method: "POST",
        path: "/v1/responses",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "content-length": body.length },
      });
      request.on("error", reject);
      request.on("response", (response) => {
        let firstByteMs = 0;
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          if (bytes === 0) firstByteMs = performance.now() - begun;
          bytes += chunk.length;
        });
        response.on("error", reject);
        response.on("end", () => {
          if (response.statusCode === 200 && bytes === BYTES[kind]) {
            resolve({ firstByteMs, totalMs: performance.now() - begun });
          } else {
            reject(new Error(`A ${kind} request was answered with ${response.statusCode} and ${bytes} bytes`));
          }
        });
      });
      request.end(body);
    });
  }

  /** `width` requests at a time for `ms`; how many were answered, and how long that took. */
  async forDuration(kind: Kind, width: number, ms: number): Promise<{ count: number; tookMs: number }> {
    const begun = performance.now();
    let count = 0;
    const lane = async () => {
      while (performance.now() - begun < ms) {
        await this.send(kind);
        count += 1;
      }
    };
    await Promise.all(Array.from({ length: width }, lane));
    return { count, tookMs: performance.now() - begun };
  }

  /** `count` requests, `width` at a time. */
  async thisMany(kind: Kind, width: number, count: number): Promise<Timing[]> {
    const timings: Timing[] = [];
    let left = count;
    const lane = async () => {
      while (left > 0) {
        left -= 1;
        timings.push(await this.send(kind));
      }
    };
    await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
    return timings;
  }

  /** `count` requests, one every `everyMs`, however long each takes; in the order in which they came. */
  async arriving(kind: Asked, everyMs: number, count: number): Promise<Timing[]> {
    const begun = performance.now();
    const answers: Promise<Timing>[] = [];
    for (let index = 0; index < count; index += 1) {
      await sleep(Math.max(0, begun + index * everyMs - performance.now()));
      answers.push(this.send(kind));
    }
    return Promise.all(answers);
  }
}

/** One request at a time, by the clients in turn, with a pause before each. */
export async function takeTurns(clients: readonly Client[], turns: number, pauseMs: number): Promise<Timing[][]> {
  const timings: Timing[][] = clients.map(() => []);
  for (let turn = 0; turn < turns; turn += 1) {
    for (const [index, client] of clients.entries()) {
      await sleep(pauseMs);
      timings[index]?.push(await client.send("json"));
    }
  }
  return timings;
}
