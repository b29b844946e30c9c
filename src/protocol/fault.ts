import type { RequestFault } from "./adapter.ts";

/** The caller's fault, with `param` naming the field where there is one. */
export function fault(
  code: string,
  message: string,
  param: string | null = null,
  status: RequestFault["status"] = 400,
): RequestFault {
  return { status, type: "invalid_request_error", code, message, param };
}

/** A field or value that would escape metering or ownership. */
export function unsupported(param: string, why: string): RequestFault {
  return fault("unsupported_parameter", `Unsupported parameter: '${param}'. ${why}`, param);
}

/** A field that has to be read for pricing and cannot be. */
export function invalid(param: string, expected: string): RequestFault {
  return fault("invalid_value", `Invalid value for '${param}': expected ${expected}.`, param);
}

/** Tells a fault from the answer that was asked for. Never give it an object that a caller sent. */
export function isFault(answer: object): answer is RequestFault {
  return "status" in answer && "type" in answer && answer.type === "invalid_request_error";
}
