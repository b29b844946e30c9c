/** The gateway refused an admin request. */
export class AdminError extends Error {
  override readonly name = "AdminError";
  readonly status: number;

  constructor(request: string, status: number, answer: string) {
    super(`${request} was answered with ${status}: ${answer}`);
    this.status = status;
  }
}

export interface AdminRequest {
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly idempotencyKey?: string;
}

/** A client of the admin API of one gateway. */
export class AdminClient {
  readonly #origin: string;
  readonly #token: string;

  constructor(origin: string, token: string) {
    this.#origin = origin;
    this.#token = token;
  }

  /** The answer's JSON. @throws AdminError unless the status is a success */
  async request(method: string, path: string, { body, idempotencyKey }: AdminRequest = {}): Promise<unknown> {
    const headers = new Headers({ authorization: `Bearer ${this.#token}` });
    if (body !== undefined) headers.set("content-type", "application/json");
    if (idempotencyKey !== undefined) headers.set("idempotency-key", idempotencyKey);
    const response = await fetch(this.#origin + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new AdminError(`${method} ${path}`, response.status, messageOf(text));
    return text === "" ? undefined : JSON.parse(text);
  }

  /** Like `request`, but answers `accepted` when the gateway refuses with `status`. */
  async requestUnless<T>(status: number, accepted: T, ...request: Parameters<AdminClient["request"]>) {
    try {
      return await this.request(...request);
    } catch (error) {
      if (error instanceof AdminError && error.status === status) return accepted;
      throw error;
    }
  }
}

/** The `error.message` of an answer, or its beginning. */
function messageOf(text: string): string {
  try {
    const { error } = JSON.parse(text);
    if (typeof error.message === "string") return error.message;
  } catch {
    // Not in the shape of an error of ours: shown as it is.
  }
  return text.slice(0, 200);
}
