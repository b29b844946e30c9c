import type { HeldRequest } from "../../durable-objects/commands.ts";
import { formatCredits } from "../core/amount.ts";

/** Answers the repetition of a request that has ended: its outcome, without the body, which is not kept. */
export function replay({ requestId, state, ended }: HeldRequest): Response {
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
