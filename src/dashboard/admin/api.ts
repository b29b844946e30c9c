import type { HttpContext } from "../../http/context.ts";
import { type Answerer, type ApiOutcome, orderHeader, outcomeOf, readOf } from "../gateway-api.ts";
import type { Operator } from "./operator.ts";

export interface ApiAct {
  readonly method: "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below `/admin`, without a query. */
  readonly path: string;
  readonly body?: unknown;
  /** Goes into the log; for bodies that have a `reason` of their own, it is sent there as well. */
  readonly reason?: string;
  readonly idempotencyKey?: string;
  readonly query?: Readonly<Record<string, string>>;
}

/**
 * The admin API, asked within the Worker in the operator's name. The console changes nothing in any other way, so its
 * acts are checked and logged as everybody's are.
 */
export class AdminApi {
  readonly #answer: Answerer;

  constructor(answer: Answerer) {
    this.#answer = answer;
  }

  /** Reads. Throws {@link HttpFault} when it is refused. */
  async get<T>(
    c: HttpContext,
    operator: Operator,
    path: string,
    query: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    return readOf<T>(path, await this.#send(c, operator, "GET", path, query));
  }

  async act<T>(c: HttpContext, operator: Operator, act: ApiAct): Promise<ApiOutcome<T>> {
    const query = { ...act.query, ...(act.reason ? { reason: act.reason } : {}) };
    const headers = orderHeader(act.idempotencyKey);
    return outcomeOf<T>(await this.#send(c, operator, act.method, act.path, query, act.body, headers));
  }

  #send(
    c: HttpContext,
    operator: Operator,
    method: string,
    path: string,
    query: Readonly<Record<string, string>>,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ) {
    const url = new URL(`/admin${path}`, c.req.url);
    url.search = new URLSearchParams(query).toString();
    const request = new Request(url, {
      method,
      headers: {
        authorization: `Bearer ${c.var.services.config.adminToken}`,
        "content-type": "application/json",
        "x-spillway-actor": encodeURIComponent(operator.name),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return this.#answer(request, c);
  }
}
