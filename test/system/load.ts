import { randomUUID } from "node:crypto";
import type { Customer } from "./customer.ts";

/** What a client knows of one request that it sent. */
export interface Attempt {
  readonly customer: Customer;
  readonly idempotencyKey: string;
  readonly body: string;
  readonly simulate: string;
  /** From the answer's header; `null` when no answer began. */
  requestId: string | null;
  /**
   * `json`: a whole JSON answer was read. `sse`: a stream was read to its terminal event. `replay`: told that it had
   * ended. `busy`: told that it is still in flight. `refused`: any other status. `broken`: the connection broke.
   */
  outcome: "json" | "sse" | "replay" | "busy" | "refused" | "broken";
  /** As upstream reported it to the client. */
  usage: ReportedUsage | null;
}

export interface ReportedUsage {
  readonly input_tokens: number;
  readonly output_tokens: number;
}

export interface LoadOptions {
  readonly origin: string;
  readonly customers: readonly Customer[];
  readonly model: string;
  readonly clients: number;
  /** Gets every request as it is sent. */
  readonly attempts: Attempt[];
  /** No new request after this; those in flight go on. */
  readonly signal: AbortSignal;
}

const MAX_OUTPUT_TOKENS = 200;

/** Clients that send one request after the other, JSON and SSE by turns, until told to stop or the gateway is gone. */
export async function runLoad(options: LoadOptions): Promise<void> {
  const { customers, clients, attempts, signal } = options;
  const client = async (number: number) => {
    for (let turn = 0; !signal.aborted; turn += 1) {
      const customer = customers[(number + turn) % customers.length];
      if (!customer) throw new Error("load needs a customer");
      const attempt = newAttempt(options, customer, (number + turn) % 2 === 0);
      attempts.push(attempt);
      await send(options.origin, attempt);
      if (attempt.outcome === "broken") return;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
}

/** The same request once more, under the same `Idempotency-Key`. */
export async function repeat(origin: string, attempt: Attempt): Promise<Attempt> {
  const again: Attempt = { ...attempt, requestId: null, outcome: "broken", usage: null };
  await send(origin, again);
  return again;
}

function newAttempt({ model }: LoadOptions, customer: Customer, stream: boolean): Attempt {
  const output = 5 + Math.floor(Math.random() * 60);
  return {
    customer,
    idempotencyKey: randomUUID(),
    body: JSON.stringify({ model, input: "Hello", stream, max_output_tokens: MAX_OUTPUT_TOKENS }),
    simulate: `output=${output};pace=3;first=${Math.floor(Math.random() * 15)}`,
    requestId: null,
    outcome: "broken",
    usage: null,
  };
}

/** Sends the request and writes down what came of it. Never throws. */
async function send(origin: string, attempt: Attempt): Promise<void> {
  try {
    const response = await fetch(`${origin}/v1/responses`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${attempt.customer.key}`,
        "content-type": "application/json",
        "idempotency-key": attempt.idempotencyKey,
        "x-simulate": attempt.simulate,
      },
      body: attempt.body,
    });
    attempt.requestId = response.headers.get("x-request-id");
    read(attempt, response, await response.text());
  } catch {
    attempt.outcome = "broken";
  }
}

function read(attempt: Attempt, response: Response, text: string): void {
  if (response.status === 409) attempt.outcome = "busy";
  else if (!response.ok) attempt.outcome = "refused";
  else if (response.headers.get("idempotent-replay") !== null) attempt.outcome = "replay";
  else if (response.headers.get("content-type")?.startsWith("text/event-stream")) readStream(attempt, text);
  else {
    attempt.usage = (JSON.parse(text) as { usage: ReportedUsage }).usage;
    attempt.outcome = "json";
  }
}

function readStream(attempt: Attempt, text: string): void {
  const last = text.split("\n").findLast((line) => line.startsWith("data: "));
  const event = JSON.parse(last?.slice("data: ".length) ?? "null") as {
    type: string;
    response: { usage: ReportedUsage };
  } | null;
  if (event?.type !== "response.completed") return;
  attempt.usage = event.response.usage;
  attempt.outcome = "sse";
}
