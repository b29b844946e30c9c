import type { HeldRequest } from "../../durable-objects/commands.ts";
import { formatCredits } from "../core/amount.ts";
import { openAIError } from "../protocol/error-body.ts";
import { errorResponse } from "../protocol/refusals.ts";
import type { JobKind } from "./jobs/job-kind.ts";
import { showJob } from "./jobs/show-job.ts";
import type { GatewayDeps, Incoming } from "./journey.ts";

/** Answers the repetition of a request: with its job where it has begun one, else with its outcome. */
export async function repeat(
  deps: GatewayDeps,
  incoming: Incoming,
  reservation: HeldRequest,
  kind: JobKind,
): Promise<Response> {
  const shown = reservation.job === undefined ? null : await showJob(deps, incoming, reservation.job, kind);
  if (!shown) return reservation.state === "pending" ? inProgress(reservation) : replay(reservation);
  shown.headers.set("x-request-id", reservation.requestId);
  shown.headers.set("idempotent-replayed", "true");
  return shown;
}

/** Upstream has not taken the job on yet. */
function inProgress({ requestId }: HeldRequest): Response {
  return errorResponse(
    openAIError({
      status: 409,
      type: "invalid_request_error",
      code: "request_in_flight",
      message: "The same request is still being made.",
      requestId,
      retryAfterSeconds: 1,
    }),
  );
}

/** The outcome of a request that has ended, without its body, which is not kept. */
function replay({ requestId, state, ended }: HeldRequest): Response {
  const receipt = `/api/requests/${requestId}`;
  const charge = formatCredits(ended?.charge ?? 0);
  const usage = ended && { input_tokens: ended.usage.inputTokens, output_tokens: ended.usage.outputTokens };
  return Response.json(
    {
      object: "spillway.replay",
      request_id: requestId,
      state,
      outcome: ended?.outcome ?? null,
      usage,
      charge,
      receipt,
    },
    { headers: { "x-request-id": requestId, "idempotent-replay": "omitted", "spillway-charge": charge } },
  );
}
