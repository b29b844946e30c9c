import type { JsonObject, RequestFault } from "./adapter.ts";
import { toldText } from "./told-text.ts";

/** An answer in the caller's protocol. Over a WebSocket, the same body travels in an `error` frame with its status. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly error: JsonObject };
}

export interface ErrorParts {
  readonly status: number;
  readonly type: string;
  readonly code: string;
  readonly message: string;
  readonly param?: string | null;
  readonly requestId: string;
  /** Epoch seconds; Codex cannot read the body at all unless this is an integer. */
  readonly resetsAt?: number | null;
  /** What Spillway says beyond the protocol. */
  readonly spillway?: JsonObject;
  /** When asking again makes sense. Told in whole seconds, at least one: Codex reads nothing else. */
  readonly retryAfterSeconds?: number | null;
}

/** An error as the OpenAI protocols write it, with its content type and request id. */
export function openAIError(parts: ErrorParts): ErrorAnswer {
  const { status, type, code, message, param = null, requestId, resetsAt = null, spillway } = parts;
  const { retryAfterSeconds = null } = parts;
  return {
    status,
    headers: {
      "content-type": "application/json",
      "x-request-id": requestId,
      ...(retryAfterSeconds === null ? {} : { "retry-after": String(Math.max(1, Math.ceil(retryAfterSeconds))) }),
    },
    body: {
      error: {
        message: toldText(message),
        type,
        param: param === null ? null : toldText(param),
        code,
        ...(resetsAt === null ? {} : { resets_at: resetsAt }),
        request_id: requestId,
        ...(spillway ? { spillway } : {}),
      },
    },
  };
}

/** A fault of the request, told to its caller. */
export function renderFault(fault: RequestFault, requestId: string): ErrorAnswer {
  return openAIError({ ...fault, requestId });
}
