import type { HttpContext } from "../http/context.ts";
import { type Answerer, type ApiOutcome, orderHeader, outcomeOf, readOf } from "./gateway-api.ts";
import type { Visit } from "./visit.ts";

export interface AccountAct {
  readonly method: "POST" | "PUT" | "DELETE";
  /** Below `/api`, without a query. */
  readonly path: string;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
}

/**
 * The self-service API, asked within the Worker with the session of whoever looks: what a key may do, and what is good,
 * is decided in one place.
 */
export class AccountApi {
  readonly #answer: Answerer;

  constructor(answer: Answerer) {
    this.#answer = answer;
  }

  /** Reads. Throws {@link HttpFault} when it is refused. */
  async get<T>(c: HttpContext, path: string, query: Readonly<Record<string, string>> = {}): Promise<T> {
    const url = new URL(`/api${path}`, c.req.url);
    url.search = new URLSearchParams(query).toString();
    return readOf<T>(path, await this.#answer(new Request(url, { headers: { cookie: cookieOf(c) } }), c));
  }

  async act<T>(c: HttpContext, { csrfToken }: Visit, act: AccountAct): Promise<ApiOutcome<T>> {
    const { method, path, body, idempotencyKey } = act;
    const request = new Request(new URL(`/api${path}`, c.req.url), {
      method,
      headers: {
        cookie: cookieOf(c),
        "x-csrf-token": csrfToken,
        "content-type": "application/json",
        ...orderHeader(idempotencyKey),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return outcomeOf<T>(await this.#answer(request, c));
  }
}

function cookieOf(c: HttpContext): string {
  return c.req.header("cookie") ?? "";
}
