import type { Journey } from "./journey.ts";
import { decisionHeader, headersForLimits } from "./limit-headers.ts";
import { headersToClient } from "./upstream-headers.ts";

/** The headers of a metered answer: what upstream may tell the client, and the caller's own limits. */
export function answerHeaders(
  { incoming, reservation, limits, decisionMs }: Pick<Journey, "incoming" | "reservation" | "limits" | "decisionMs">,
  from: Headers,
  upstreamMs: number | null,
): Headers {
  const headers = headersToClient(from);
  for (const [name, value] of Object.entries(headersForLimits(limits, reservation.feature, Date.now()))) {
    headers.set(name, value);
  }
  headers.set("x-request-id", incoming.requestId);
  headers.set("spillway-decision", decisionHeader(reservation.draws));
  const upstream = upstreamMs === null ? "" : `, upstream;dur=${upstreamMs}`;
  headers.set("server-timing", `decision;dur=${decisionMs}${upstream}`);
  return headers;
}
