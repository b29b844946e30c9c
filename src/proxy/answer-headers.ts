import type { Journey } from "./journey.ts";
import { decisionHeader, headersForLimits } from "./limit-headers.ts";
import { headersToClient, type PlainHeaders } from "./upstream-headers.ts";

/** The headers of a metered answer: what upstream may tell the client, and the caller's own limits. */
export function answerHeaders(
  { incoming, reservation, limits, decisionMs }: Pick<Journey, "incoming" | "reservation" | "limits" | "decisionMs">,
  from: Headers,
  upstreamMs: number | null,
): PlainHeaders {
  const upstream = upstreamMs === null ? "" : `, upstream;dur=${upstreamMs}`;
  return {
    ...headersToClient(from),
    ...headersForLimits(limits, reservation.feature, Date.now()),
    "x-request-id": incoming.requestId,
    "spillway-decision": decisionHeader(reservation.draws),
    "server-timing": `decision;dur=${decisionMs}${upstream}`,
  };
}
