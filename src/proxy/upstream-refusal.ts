import { openAIError } from "../protocol/error-body.ts";
import { parseData } from "../protocol/sse.ts";

/** An upstream's refusal of the request itself, as the caller is told it. */
export interface UpstreamRefusal {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** A refusal that is longer does not speak to its client. */
const MOST_CHARACTERS = 16_000;

/**
 * A refusal passes in upstream's own words where it is a JSON object, as the protocols have it. Anything else comes from
 * something between, a page of a proxy for instance: clients could not read it, and it tells of the operator's house.
 */
export function refusalToClient({ status, text, headers }: UpstreamRefusal, requestId: string): UpstreamRefusal {
  if (text.length <= MOST_CHARACTERS && parseData(text)) return { status, text, headers };
  const message = "The model provider refused the request and gave no reason that could be read. Nothing was charged.";
  const error = { status, type: "invalid_request_error", code: "upstream_refused", message, requestId };
  const own = openAIError(error);
  return { status, text: JSON.stringify(own.body), headers: new Headers(own.headers) };
}
