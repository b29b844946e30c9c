import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { isIdempotencyKey } from "../http/request-id.ts";

/** Answers a request as the gateway answers those from outside. */
export type Answerer = (request: Request, c: HttpContext) => Response | Promise<Response>;

/** What the API answered; a refusal is told on the page. */
export type ApiOutcome<T> =
  | { readonly done: true; readonly body: T }
  | { readonly done: false; readonly status: RefusalStatus; readonly text: string };

const REFUSAL_STATUSES = [400, 401, 403, 404, 409, 413, 415, 422, 429, 503] as const;
export type RefusalStatus = (typeof REFUSAL_STATUSES)[number] | 500;

interface Refusal {
  readonly error: { readonly code: string; readonly message: string };
}

/** The header that tells an order from another. A number that no header may hold is sent as none, which is refused. */
export function orderHeader(order: string | undefined): Readonly<Record<string, string>> {
  if (order === undefined) return {};
  return { "idempotency-key": isIdempotencyKey(order) ? order : "" };
}

/** What was read. Throws {@link HttpFault} when it was refused. */
export async function readOf<T>(path: string, answer: Response): Promise<T> {
  const body = await answer.json<T | Refusal>();
  if (!isRefusal(body)) return body;
  const status = statusOf(answer);
  if (status === 500) throw new Error(`${path}: ${body.error.message}`);
  throw new HttpFault(status, body.error.code, body.error.message);
}

/** What became of a change. */
export async function outcomeOf<T>(answer: Response): Promise<ApiOutcome<T>> {
  const body = await answer.json<T | Refusal>();
  return isRefusal(body) ? { done: false, status: statusOf(answer), text: body.error.message } : { done: true, body };
}

function isRefusal(body: unknown): body is Refusal {
  return typeof body === "object" && body !== null && "error" in body;
}

function statusOf({ status }: Response): RefusalStatus {
  return REFUSAL_STATUSES.find((known) => known === status) ?? 500;
}
