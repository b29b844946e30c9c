import type { HttpContext } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import type { Operator } from "./operator.ts";

/** Answers a request as the gateway answers those from outside. */
export type Answerer = (request: Request, c: HttpContext) => Response | Promise<Response>;

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

/** What the API answered; a refusal is told on the page. */
export type ApiOutcome<T> =
  | { readonly done: true; readonly body: T }
  | { readonly done: false; readonly status: RefusalStatus; readonly text: string };

const REFUSAL_STATUSES = [400, 401, 403, 404, 409, 413, 415, 422, 503] as const;
export type RefusalStatus = (typeof REFUSAL_STATUSES)[number] | 500;

interface Refusal {
  readonly error: { readonly code: string; readonly message: string };
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
  async get<T>(c: HttpContext, operator: Operator, path: string, query: Readonly<Record<string, string>> = {}) {
    const answer = await this.#send(c, operator, "GET", path, query);
    const body = await answer.json<T | Refusal>();
    if (!isRefusal(body)) return body;
    const status = statusOf(answer);
    if (status === 500) throw new Error(`${path}: ${body.error.message}`);
    throw new HttpFault(status, body.error.code, body.error.message);
  }

  async act<T>(c: HttpContext, operator: Operator, act: ApiAct): Promise<ApiOutcome<T>> {
    const query = { ...act.query, ...(act.reason ? { reason: act.reason } : {}) };
    const headers = act.idempotencyKey === undefined ? {} : { "idempotency-key": act.idempotencyKey };
    const answer = await this.#send(c, operator, act.method, act.path, query, act.body, headers);
    const body = await answer.json<T | Refusal>();
    return isRefusal(body) ? { done: false, status: statusOf(answer), text: body.error.message } : { done: true, body };
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

function isRefusal(body: unknown): body is Refusal {
  return typeof body === "object" && body !== null && "error" in body;
}

function statusOf({ status }: Response): RefusalStatus {
  return REFUSAL_STATUSES.find((known) => known === status) ?? 500;
}
