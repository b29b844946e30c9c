import { newId } from "./ids.ts";
import type { JsonObject } from "./request-body.ts";

/** How an exchange ended, seen from the upstream: `complete` means that the caller took the last byte. */
export type Ending = "open" | "complete" | "cancelled" | "broken";

/** One request as it arrived. Bounded: long values are cut, and the body itself is not kept. */
export interface RequestRecord {
  /** The same as the answer's `x-request-id`. */
  id: string;
  at: string;
  method: string;
  /** The upstream that the caller meant, with its port. */
  host: string;
  path: string;
  headers: Record<string, string>;
  body_bytes: number | null;
  model: string | null;
  stream: boolean | null;
  /** Top-level fields of the body: scalars as they are, objects as JSON text (cut), arrays as `[n items]`. */
  fields: Record<string, string | number | boolean | null>;
  status: number | null;
  ending: Ending;
}

/** Counts since the start or the last clearing; unlike the records they forget nothing. */
export interface Counters {
  received: number;
  by_route: Record<string, number>;
  by_ending: Record<Ending, number>;
}

/** The journal's hold on one exchange. */
export interface Entry {
  readonly id: string;
  /** Resolves when the exchange has ended, however. */
  readonly ended: Promise<void>;
  noteBody(bytes: number, body: JsonObject | null): void;
  noteStatus(status: number): void;
  /** The first call counts; later ones change nothing. */
  end(ending: Exclude<Ending, "open">): void;
}

/** What is known of a request before its body is read. */
export type Arrival = Pick<Request, "method" | "url" | "headers">;

/** The last requests and the counters over all of them. */
export interface Journal {
  /** `route` is one of a fixed few names, so that the counters stay small. */
  open(route: string, arrival: Arrival): Promise<Entry>;
  report(): { counters: Counters; requests: RequestRecord[] };
  clear(): void;
}

const MAX_RECORDS = 100;
const MAX_HEADERS = 64;
const MAX_FIELDS = 64;
const MAX_VALUE_LENGTH = 1_024;

export function createJournal(): Journal {
  let records: RequestRecord[] = [];
  let counters = emptyCounters();

  return {
    async open(route, arrival) {
      const record = await recordOf(arrival);
      // An exchange that began before a clearing must not count after it: it keeps the counters it was born with.
      const own = counters;
      own.received += 1;
      own.by_route[route] = (own.by_route[route] ?? 0) + 1;
      own.by_ending.open += 1;
      records.push(record);
      if (records.length > MAX_RECORDS) records.shift();
      return entryFor(record, own);
    },
    report: () => ({ counters, requests: records }),
    clear() {
      records = [];
      counters = emptyCounters();
    },
  };
}

function entryFor(record: RequestRecord, counters: Counters): Entry {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  return {
    id: record.id,
    ended,
    noteBody(bytes, body) {
      record.body_bytes = bytes;
      if (body === null) return;
      record.model = typeof body.model === "string" ? cut(body.model) : null;
      record.stream = typeof body.stream === "boolean" ? body.stream : null;
      record.fields = fieldsOf(body);
    },
    noteStatus(status) {
      record.status = status;
    },
    end(ending) {
      if (record.ending !== "open") return;
      record.ending = ending;
      counters.by_ending.open -= 1;
      counters.by_ending[ending] += 1;
      resolve();
    },
  };
}

function emptyCounters(): Counters {
  return { received: 0, by_route: {}, by_ending: { open: 0, complete: 0, cancelled: 0, broken: 0 } };
}

async function recordOf({ method, url: address, headers }: Arrival): Promise<RequestRecord> {
  const url = new URL(address);
  return {
    id: newId("req_"),
    at: new Date().toISOString(),
    method,
    host: cut(url.host),
    path: cut(url.pathname + url.search),
    headers: await headersOf(headers),
    body_bytes: null,
    model: null,
    stream: null,
    fields: {},
    status: null,
    ending: "open",
  };
}

async function headersOf(headers: Headers): Promise<Record<string, string>> {
  const kept = [...headers].slice(0, MAX_HEADERS).map(([name, value]): [string, string] => [cut(name), cut(value)]);
  const record = Object.fromEntries(kept);
  const authorization = headers.get("authorization");
  if (authorization !== null) record.authorization = await fingerprint(authorization);
  return record;
}

/** `Bearer abc` → `Bearer sha256:` and the first 16 hexadecimal digits of SHA-256 over `abc`. */
async function fingerprint(authorization: string): Promise<string> {
  const [, scheme = "", credential = ""] = /^(\S+ +)?(.*)$/.exec(authorization) ?? [];
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(credential)));
  const hex = Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${cut(scheme)}sha256:${hex}`;
}

function fieldsOf(body: JsonObject): RequestRecord["fields"] {
  const entries = Object.entries(body).slice(0, MAX_FIELDS);
  return Object.fromEntries(entries.map(([name, value]) => [cut(name), shown(value)]));
}

function shown(value: unknown): string | number | boolean | null {
  if (typeof value === "string") return cut(value);
  if (typeof value === "number" || typeof value === "boolean" || value === null) return value;
  return Array.isArray(value) ? `[${value.length} items]` : cut(JSON.stringify(value));
}

function cut(text: string): string {
  return text.length <= MAX_VALUE_LENGTH ? text : `${text.slice(0, MAX_VALUE_LENGTH)}…`;
}
