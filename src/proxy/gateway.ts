import { AccountUnreachable } from "../../durable-objects/client.ts";
import type { HeldRequest, ReserveReply } from "../../durable-objects/commands.ts";
import type { Catalog } from "../catalog/catalog.ts";
import { formatCredits } from "../core/amount.ts";
import type { QuotedRate } from "../core/rate-card.ts";
import { followingPlan } from "../http/follow-plan.ts";
import type { PreparedRequest } from "../protocol/adapter.ts";
import { renderDenial } from "../protocol/denial.ts";
import { openAIError, renderFault } from "../protocol/error-body.ts";
import { isFault } from "../protocol/fault.ts";
import { readJsonBody } from "../protocol/json-body.ts";
import { accountUnreachable, errorResponse, invalidKey } from "../protocol/refusals.ts";
import { sha256Hex } from "../sha256.ts";
import { forward } from "./forward.ts";
import { type Answer, type GatewayDeps, HOLD_STREAM_MS, HOLD_WHOLE_MS, type Incoming } from "./journey.ts";
import { headersForLimits } from "./limit-headers.ts";

/**
 * Serves one metered request: prepares, reserves, forwards, settles. All of it runs in `waitUntil` from the start, so a
 * client that hangs up at any moment does not stop the accounting.
 */
export function serve(deps: GatewayDeps, incoming: Incoming): Promise<Response> {
  const answer = Promise.withResolvers<Response>();
  const story = run(deps, incoming, answer.resolve).catch((error: unknown) => {
    console.error(JSON.stringify({ event: "request_broke_off", request: incoming.requestId, message: String(error) }));
    answer.reject(error);
  });
  deps.waitUntil(story);
  return answer.promise;
}

async function run(deps: GatewayDeps, incoming: Incoming, answer: Answer): Promise<void> {
  const begun = Date.now();
  const catalog = await deps.catalog();
  const body = await readJsonBody(incoming.request);
  if (isFault(body)) return answer(errorResponse(renderFault(body, incoming.requestId)));
  const prepared = incoming.adapter.prepare(body.value, (model) => catalog.quote(model, begun)?.rate ?? null);
  if (isFault(prepared)) return answer(errorResponse(renderFault(prepared, incoming.requestId)));
  const quote = catalog.quote(prepared.model, begun);
  if (!quote) throw new Error("a prepared request names a model with a rate");

  // Only an id that a client chose can come again with another content.
  const fingerprint = incoming.keyed
    ? sha256Hex(`${incoming.request.method}|${incoming.route}|${body.digest()}`)
    : incoming.requestId;
  const reply = await reserve(deps, incoming, catalog, prepared, quote, fingerprint);
  if (reply instanceof Response) return answer(reply);
  if (reply.kind !== "reserved") return answer(refusal(reply, incoming, quote));
  const { reservation, limits } = reply;
  await forward(deps, { incoming, prepared, reservation, limits, decisionMs: Date.now() - begun }, answer);
}

/** Asks the account's object, giving it a newer version of its plan first where that is needed. */
async function reserve(
  deps: GatewayDeps,
  incoming: Incoming,
  catalog: Catalog,
  prepared: PreparedRequest,
  quote: QuotedRate,
  fingerprint: string,
): Promise<ReserveReply | Response> {
  const request = {
    caller: { key: incoming.key, planVersions: catalog.planVersions() },
    command: {
      requestId: incoming.requestId,
      owner: crypto.randomUUID(),
      fingerprint,
      keyed: incoming.keyed,
      holdMs: prepared.stream ? HOLD_STREAM_MS : HOLD_WHOLE_MS,
      demand: {
        feature: quote.rate.feature,
        model: prepared.model,
        quote,
        bound: prepared.bound,
        openOutput: prepared.openOutput,
      },
    },
  };
  try {
    const { accountId } = incoming;
    return await followingPlan(deps.accounts, catalog, accountId, () => deps.accounts.reserve(accountId, request));
  } catch (error) {
    if (!(error instanceof AccountUnreachable)) throw error;
    console.error(JSON.stringify({ event: "account_unreachable", account: incoming.accountId }));
    return errorResponse(accountUnreachable(incoming.requestId));
  }
}

/** The answer to a request that was not reserved. */
function refusal(
  reply: Exclude<ReserveReply, { kind: "reserved" }>,
  { requestId }: Incoming,
  quote: QuotedRate,
): Response {
  const error = (status: number, type: string, code: string, message: string, headers?: Record<string, string>) =>
    errorResponse(openAIError({ status, type, code, message, requestId }), headers);
  switch (reply.kind) {
    case "denied": {
      const now = Date.now();
      const context = { requestId, now, feature: quote.rate.feature, model: quote.model };
      return errorResponse(
        renderDenial(reply.denial, context),
        headersForLimits(reply.limits, quote.rate.feature, now),
      );
    }
    case "key_refused":
      return errorResponse(invalidKey(requestId));
    case "plan_outdated":
      return errorResponse(accountUnreachable(requestId));
    case "in_flight": {
      const seconds = Math.max(1, Math.ceil((reply.reservation.expiresAt - Date.now()) / 1_000));
      const message = "A request with this Idempotency-Key is still in progress.";
      return error(409, "invalid_request_error", "request_in_flight", message, { "retry-after": String(seconds) });
    }
    case "mismatch": {
      const message = "This Idempotency-Key was already used for a request with another content.";
      return error(422, "invalid_request_error", "idempotency_key_reused", message);
    }
    case "ended":
      return replay(reply.reservation);
  }
}

/** Answers the repetition of a request that has ended: its outcome, without the body, which is not kept. */
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
