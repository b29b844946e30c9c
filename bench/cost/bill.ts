import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What one request of a scenario came to, on average: counted while it ran, but for what is said to be assumed. */
export interface Counted {
  /** Calls to the account's object and its alarms that rang. */
  readonly objectRequests: number;
  /** Rows that commands wrote, and one for each alarm that was set. */
  readonly objectRowsWritten: number;
  readonly objectRowsRead: number;
  /** Messages on queues: the ledger's, and questions after jobs. */
  readonly messages: number;
  /** Those of them that objects sent. */
  readonly objectMessages: number;
  readonly d1RowsWritten: number;
  readonly d1RowsRead: number;
  readonly d1Bytes: number;
  /** CPU of the whole runtime, which is more than that of the Worker. */
  readonly cpuMs: number;
}

/** What cannot be counted on one machine. */
export const ASSUMED = {
  /** How long an object works on a call or alarm, the confirmation of its writes by other machines included. */
  objectMsPerRequest: 15,
  /** How long an entry waits in it before it is sent at once. */
  objectMsPerMessage: 50,
  /** What an object is billed for, whatever it uses. */
  objectGb: 0.128,
  /** A message is written, read and deleted; none is larger than the 64 KB that one operation covers. */
  operationsPerMessage: 3,
  /** Every message is a batch of its own: the consumer has never anything else to take along. */
  consumerRunsPerMessage: 1,
  /** How long the ledger keeps what it is charged for here. */
  monthsKept: 1,
} as const;

interface Prices {
  readonly as_of: string;
  readonly usd: Readonly<Record<string, number>>;
}

const PRICES: Prices = JSON.parse(readFileSync(join(import.meta.dirname, "prices.json"), "utf8"));
const MILLION = 1_000_000;
const GB = 1e9;

export const PRICES_AS_OF = PRICES.as_of;

/** One line of the bill: what a million requests cost for it, in USD. */
export interface Line {
  readonly text: string;
  readonly usd: number;
}

/** What a million requests cost, at list price and beyond what the plan includes. */
export function billOf(counted: Counted): Line[] {
  const { objectRequests, messages, objectMessages } = counted;
  const workerRequests = 1 + messages * ASSUMED.consumerRunsPerMessage;
  const objectMs = objectRequests * ASSUMED.objectMsPerRequest + objectMessages * ASSUMED.objectMsPerMessage;
  const gbSeconds = (objectMs / 1_000) * ASSUMED.objectGb;
  const line = (text: string, ...parts: readonly (readonly [count: number, price: string])[]): Line => ({
    text,
    usd: parts.reduce((sum, [count, price]) => sum + count * MILLION * priceOf(price), 0),
  });
  return [
    line("Worker: requests and CPU", [workerRequests, "worker_request"], [counted.cpuMs, "worker_cpu_ms"]),
    line("Object: calls and alarms", [objectRequests, "object_request"]),
    line("Object: time in memory", [gbSeconds, "object_gb_second"]),
    line("Object: rows written", [counted.objectRowsWritten, "object_row_written"]),
    line("Object: rows read", [counted.objectRowsRead, "object_row_read"]),
    line("Queue: operations", [messages * ASSUMED.operationsPerMessage, "queue_operation"]),
    line("D1: rows written", [counted.d1RowsWritten, "d1_row_written"]),
    line("D1: rows read", [counted.d1RowsRead, "d1_row_read"]),
    line("D1: a month of storage", [(counted.d1Bytes / GB) * ASSUMED.monthsKept, "d1_gb_month"]),
  ];
}

export function totalOf(lines: readonly Line[]): number {
  return lines.reduce((sum, { usd }) => sum + usd, 0);
}

function priceOf(name: string): number {
  const price = PRICES.usd[name];
  if (price === undefined) throw new Error(`prices.json has no price for ${name}`);
  return price;
}
