import { rootOf } from "../ledger/failure.ts";
import type { Adapter } from "../protocol/adapter.ts";
import { renderFault } from "../protocol/error-body.ts";
import { isFault } from "../protocol/fault.ts";
import { readJsonBody } from "../protocol/json-body.ts";
import { errorResponse } from "../protocol/refusals.ts";
import { sha256Hex } from "../sha256.ts";
import { admit } from "./admission.ts";
import { forward } from "./forward.ts";
import { responseJob } from "./jobs/response-job.ts";
import type { Answer, GatewayDeps, Incoming } from "./journey.ts";
import { repeat } from "./replay.ts";

/**
 * Serves one metered request: prepares, reserves, forwards, settles. All of it runs in `waitUntil` from the start, so a
 * client that hangs up at any moment does not stop the accounting.
 */
export function serve(deps: GatewayDeps, incoming: Incoming, request: Request, adapter: Adapter): Promise<Response> {
  const answer = Promise.withResolvers<Response>();
  const story = run(deps, incoming, request, adapter, answer.resolve).catch((error: unknown) => {
    console.error(
      JSON.stringify({ event: "request_broke_off", request: incoming.requestId, message: String(rootOf(error)) }),
    );
    answer.reject(error);
  });
  deps.waitUntil(story);
  return answer.promise;
}

async function run(
  deps: GatewayDeps,
  incoming: Incoming,
  request: Request,
  adapter: Adapter,
  answer: Answer,
): Promise<void> {
  const { requestId } = incoming;
  const begun = Date.now();
  const catalog = await deps.catalog();
  const body = await readJsonBody(request);
  if (isFault(body)) return answer(errorResponse(renderFault(body, requestId)));
  const prepared = adapter.prepare(body.value, (model) => catalog.quote(model, begun)?.rate ?? null);
  if (isFault(prepared)) return answer(errorResponse(renderFault(prepared, requestId)));
  const quote = catalog.quote(prepared.model, begun);
  if (!quote) throw new Error("a prepared request names a model with a rate");

  // Only an id that a client chose can come again with another content.
  const fingerprint = incoming.keyed ? sha256Hex(`${request.method}|${incoming.route}|${body.digest()}`) : requestId;
  const admission = await admit(deps, incoming, { prepared, quote, catalog, fingerprint });
  switch (admission.kind) {
    case "admitted":
      return forward(deps, admission.journey, answer);
    case "refused":
      return answer(errorResponse(admission.error));
    case "repetition":
      return answer(await repeat(deps, incoming, admission.reservation, responseJob));
  }
}
