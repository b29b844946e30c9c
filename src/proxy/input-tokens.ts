import type { DenialReason } from "../core/waterfall.ts";
import { identify } from "../http/authentication.ts";
import type { HttpContext } from "../http/context.ts";
import { followingPlan } from "../http/follow-plan.ts";
import { renderDenial } from "../protocol/denial.ts";
import { renderFault } from "../protocol/error-body.ts";
import { isFault } from "../protocol/fault.ts";
import { readJsonBody } from "../protocol/json-body.ts";
import { accountUnreachable, errorResponse, keyRefused, unknownReference } from "../protocol/refusals.ts";
import { responsesAdapter } from "../protocol/responses.ts";
import { askAgainWhileInFlight, referringMember } from "./admission.ts";
import { depsOf } from "./gateway-deps.ts";
import { reach } from "./reach.ts";
import { passWhole } from "./stored/answer.ts";

/** Denials that are about the account's rights and not about what is left of them. */
const RIGHTS: ReadonlySet<DenialReason> = new Set([
  "account_suspended",
  "feature_not_entitled",
  "model_not_entitled",
  "unpriced",
]);

/**
 * Counts a request's input without making an answer: free upstream, and so it is here, at zero balance too. It must be a
 * request that the caller might make: its model in the plan, and what it names the caller's own.
 */
export async function countInputTokens(c: HttpContext): Promise<Response> {
  const { accountId, key } = identify(c);
  const { requestId } = c.var;
  const deps = depsOf(c);
  const catalog = await deps.catalog();
  const now = Date.now();
  const body = await readJsonBody(c.req.raw);
  if (isFault(body)) return errorResponse(renderFault(body, requestId));
  const prepared = responsesAdapter.prepare(body.value, (model) => catalog.quote(model, now)?.rate ?? null);
  if (isFault(prepared)) return errorResponse(renderFault(prepared, requestId));
  const { model, bound, openOutput, references } = prepared;
  const quote = catalog.quote(model, now);
  if (!quote) throw new Error("a prepared request names a model with a rate");
  const { feature } = quote.rate;

  const caller = { key, planVersions: catalog.planVersions() };
  const question = { caller, references, demand: { feature, model, quote, bound, openOutput } };
  const reply = await askAgainWhileInFlight(() =>
    followingPlan(deps.accounts, catalog, accountId, () => deps.accounts.quote(accountId, question)),
  );
  switch (reply.kind) {
    case "key_refused":
      return errorResponse(keyRefused(requestId, reply));
    case "plan_outdated":
      return errorResponse(accountUnreachable(requestId));
    case "unknown_reference":
      return errorResponse(unknownReference(requestId, reply.id, referringMember(reply.id, references)));
    case "quoted": {
      const { decision } = reply;
      if (decision.outcome === "denied" && RIGHTS.has(decision.reason)) {
        return errorResponse(renderDenial(decision, { requestId, now, feature, model }));
      }
    }
  }
  const known = catalog.upstreams();
  // What the request names is known nowhere else.
  const target = reply.upstream
    ? deps.upstreams.targetOf(known, reply.upstream, model)
    : deps.upstreams.targetToLookAt(known, { feature, model, accountId });
  return passWhole(
    await reach(deps, {
      resource: { upstream: target?.upstream ?? "", model },
      method: "POST",
      path: "/responses/input_tokens",
      search: "",
      from: c.req.raw.headers,
      requestId,
      streamed: false,
      body: prepared.body({ model: target?.model ?? model, maxOutputTokens: null }),
    }),
    requestId,
  );
}
