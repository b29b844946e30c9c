import { type ErrorCode, errorOf, SpillwayError, SpillwayUnreachable } from "./errors.ts";

export interface ClientOptions {
  /** Where the gateway is, such as `https://gateway.example`; empty for the origin of the page that runs this. */
  readonly baseUrl: string;
  /** A key of an account, or the operator's token. */
  readonly token?: string;
  /** Who acts, for the log of what operators did. */
  readonly actor?: string;
  /** In place of the global `fetch`; in a Worker, for instance, that of a service binding. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** How long an answer may take to begin (ms). Default: 60,000. */
  readonly timeoutMs?: number;
  /** How often a request that may be repeated is tried again when no answer, or a 503, came. Default: 2. */
  readonly retries?: number;
}

/** What can be said of any call. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** What can be said of a call that changes something as an operator. */
export interface ActOptions extends CallOptions {
  /** Why, for the log, where the body does not say it. */
  readonly reason?: string;
}

export interface RequestOptions extends ActOptions {
  /** Members that are undefined are left out. */
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Makes a POST one that may be repeated. */
  readonly idempotencyKey?: string;
  readonly accept?: string;
  /**
   * What a DELETE comes to that is tried again and refused with `code`: the attempt before may have done it, and what it
   * names is not there in any case.
   */
  readonly gone?: { readonly code: ErrorCode; readonly answer: unknown };
}

const TIMEOUT_MS = 60_000;
const RETRIES = 2;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** The same request again changes nothing more. */
const REPEATABLE = new Set(["GET", "PUT", "DELETE"]);

/** Requests to one gateway: what all routes have in common. Uses nothing but `fetch`. */
export class Transport {
  readonly baseUrl: string;
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.baseUrl = options.baseUrl.replace(/\/+$/, "");
    this.#options = options;
  }

  /**
   * The answer's JSON, which is of the type that the route documents.
   *
   * @throws SpillwayError when the gateway refuses, or something else than a gateway answers
   * @throws SpillwayUnreachable when no answer comes, or not all of it
   */
  async json<Answer>(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    return this.#tried(method, options, async () => {
      const response = await this.#once(method, path, options);
      const request = `${method} ${path}`;
      const text = await this.#textOf(request, response, options.signal);
      try {
        return JSON.parse(text) as Answer;
      } catch {
        throw errorOf(request, response, text);
      }
    });
  }

  /** An answer that is not refused, with its body unread. Throws like {@link json}. */
  async send(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    return this.#tried(method, options, () => this.#once(method, path, options));
  }

  /** What `ask` comes to; asked again after what passes, where nothing can happen twice. */
  async #tried<Got>(method: string, options: RequestOptions, ask: () => Promise<Got>): Promise<Got> {
    const mayRepeat = REPEATABLE.has(method) || options.idempotencyKey !== undefined;
    const retries = mayRepeat ? (this.#options.retries ?? RETRIES) : 0;
    for (let tried = 0; ; tried += 1) {
      try {
        return await ask();
      } catch (error) {
        if (tried > 0 && options.gone && error instanceof SpillwayError && error.code === options.gone.code) {
          return options.gone.answer as Got;
        }
        if (tried >= retries || options.signal?.aborted || !isPassing(error)) throw error;
        await pause(pauseAfter(error, tried), options.signal);
      }
    }
  }

  async #once(method: string, path: string, options: RequestOptions): Promise<Response> {
    const request = `${method} ${path}`;
    const response = await this.#fetch(
      request,
      this.baseUrl + path + queryOf({ reason: options.reason, ...options.query }),
      {
        method,
        headers: this.#headersOf(options),
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      },
      options.signal,
    );
    if (!response.ok) throw errorOf(request, response, await this.#textOf(request, response, options.signal));
    return response;
  }

  /** The whole body. One that breaks off is no answer. */
  async #textOf(request: string, response: Response, signal: AbortSignal | undefined): Promise<string> {
    try {
      return await response.text();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new SpillwayUnreachable(request, this.baseUrl, error);
    }
  }

  /** The time limit ends with the headers: a long body may take as long as it likes. */
  async #fetch(request: string, url: string, init: RequestInit, signal: AbortSignal | undefined): Promise<Response> {
    const limit = new AbortController();
    const timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS;
    const timer = setTimeout(() => limit.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    const fetch = this.#options.fetch ?? globalThis.fetch;
    try {
      const either = signal ? AbortSignal.any([limit.signal, signal]) : limit.signal;
      return await fetch(url, { ...init, signal: either });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new SpillwayUnreachable(request, this.baseUrl, error);
    } finally {
      clearTimeout(timer);
    }
  }

  #headersOf({ body, idempotencyKey, accept }: RequestOptions): Headers {
    const headers = new Headers({ accept: accept ?? "application/json" });
    if (this.#options.token !== undefined) headers.set("authorization", `Bearer ${this.#options.token}`);
    if (this.#options.actor !== undefined) headers.set("x-spillway-actor", encodeURIComponent(this.#options.actor));
    if (body !== undefined) headers.set("content-type", "application/json");
    if (idempotencyKey !== undefined) headers.set("idempotency-key", idempotencyKey);
    return headers;
  }
}

/** A part of a path: an id with a slash in it stays one part. */
export function part(id: string): string {
  return encodeURIComponent(id);
}

function queryOf(query: RequestOptions["query"]): string {
  const set = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) set.set(name, String(value));
  const text = set.toString();
  return text === "" ? "" : `?${text}`;
}

/** Whether the same request may fare better in a moment. */
function isPassing(error: unknown): boolean {
  return error instanceof SpillwayUnreachable || (error instanceof SpillwayError && error.status === 503);
}

function pauseAfter(error: unknown, tried: number): number {
  const told = error instanceof SpillwayError ? error.retryAfterMs : null;
  return Math.min(LONGEST_PAUSE_MS, told ?? FIRST_PAUSE_MS * 2 ** tried);
}

/** Waits; rejects as soon as the caller gives up. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", giveUp);
      resolve();
    }, ms);
    signal?.addEventListener("abort", giveUp, { once: true });
  });
}
