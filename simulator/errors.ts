/** What OpenAI says in `error.type` and `error.code` for a status, as far as gateways and clients look at it. */
const BY_STATUS: Readonly<Record<number, { type: string; code: string | null; message: string }>> = {
  400: { type: "invalid_request_error", code: null, message: "The request was not valid." },
  401: { type: "invalid_request_error", code: "invalid_api_key", message: "Incorrect API key provided." },
  403: { type: "invalid_request_error", code: "unsupported_country_region_territory", message: "Not allowed here." },
  404: { type: "invalid_request_error", code: "model_not_found", message: "The model does not exist." },
  429: { type: "rate_limit_error", code: "rate_limit_exceeded", message: "Rate limit reached for requests." },
  500: { type: "server_error", code: null, message: "The server had an error while processing your request." },
  503: { type: "server_error", code: "server_is_overloaded", message: "The server is overloaded." },
};

const CLIENT_ERROR = { type: "invalid_request_error", code: null, message: "The request was refused." };
const SERVER_ERROR = { type: "server_error", code: null, message: "The upstream had an error." };

export interface ErrorDetails {
  message?: string;
  code?: string | null;
  param?: string;
  /** Further headers of the answer, such as `retry-after`. */
  headers?: Record<string, string>;
}

/** An HTTP refusal that is rendered as `{"error": {message, type, param, code}}`. */
export class ApiError extends Error {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  readonly param: string | null;
  readonly headers: Record<string, string>;

  constructor(status: number, details: ErrorDetails = {}) {
    const usual = BY_STATUS[status] ?? (status >= 500 ? SERVER_ERROR : CLIENT_ERROR);
    super(details.message ?? usual.message);
    this.status = status;
    this.type = usual.type;
    this.code = details.code === undefined ? usual.code : details.code;
    this.param = details.param ?? null;
    this.headers = details.headers ?? {};
  }

  body(): object {
    const { message, type, param, code } = this;
    return { error: { message, type, param, code } };
  }

  response(): Response {
    return Response.json(this.body(), { status: this.status, headers: this.headers });
  }
}
