import type { RefusalCode } from "../src/openapi/refusals.ts";

/** The codes that are known; a newer gateway may have more. */
export type ErrorCode = RefusalCode | (string & {});

/** The gateway refused a request, and says why. */
export class SpillwayError extends Error {
  override readonly name = "SpillwayError";
  /** HTTP status. */
  readonly status: number;
  /** For programs; `unexpected_answer` when something else than a gateway has answered. */
  readonly code: ErrorCode;
  /** The key to the gateway's log; `null` when the answer had none. */
  readonly requestId: string | null;
  /** After how long asking again makes sense (ms); `null` when the answer does not say. */
  readonly retryAfterMs: number | null;
  /** What was asked: `POST /admin/accounts`. */
  readonly request: string;

  constructor(
    request: string,
    refusal: Pick<SpillwayError, "status" | "code" | "message" | "requestId" | "retryAfterMs">,
  ) {
    super(refusal.message);
    this.request = request;
    this.status = refusal.status;
    this.code = refusal.code;
    this.requestId = refusal.requestId;
    this.retryAfterMs = refusal.retryAfterMs;
  }
}

/** No answer came: the gateway is not there, the connection broke, or it took too long. `cause` says which. */
export class SpillwayUnreachable extends Error {
  override readonly name = "SpillwayUnreachable";
  readonly request: string;
  readonly baseUrl: string;

  constructor(request: string, baseUrl: string, cause: unknown) {
    super(`${baseUrl} did not answer ${request}`, { cause });
    this.request = request;
    this.baseUrl = baseUrl;
  }
}

/** The error that an answer comes to which is a refusal, or no answer of a gateway. @param text its whole body */
export function errorOf(request: string, response: Response, text: string): SpillwayError {
  const told = toldError(text);
  return new SpillwayError(request, {
    status: response.status,
    code: told?.code ?? "unexpected_answer",
    message: told?.message ?? `${request} was answered with ${response.status}: ${text.slice(0, 200)}`,
    requestId: told?.requestId ?? response.headers.get("x-request-id"),
    retryAfterMs: retryAfterOf(response.headers),
  });
}

function toldError(text: string): { code: string; message: string; requestId: string | null } | null {
  const error = memberOf(parsed(text), "error");
  const [code, message, requestId] = ["code", "message", "request_id"].map((name) => memberOf(error, name));
  if (typeof code !== "string" || typeof message !== "string") return null;
  return { code, message, requestId: typeof requestId === "string" ? requestId : null };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function retryAfterOf(headers: Headers): number | null {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null;
}
