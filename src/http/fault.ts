/**
 * A request that is refused at the edge. Thrown by handlers and rendered once, in the shape of the surface that was
 * asked: OpenAI's error under `/v1`, `{error: {code, message, request_id}}` elsewhere. Texts never carry secrets.
 */
export class HttpFault extends Error {
  override readonly name = "HttpFault";
  readonly status: 400 | 401 | 403 | 404 | 405 | 408 | 409 | 413 | 415 | 422 | 426 | 429 | 503;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: HttpFault["status"],
    code: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}
