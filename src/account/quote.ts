import { formatCredits } from "../core/amount.ts";
import type { Decision } from "../core/waterfall.ts";
import { holderOf } from "../http/account-access.ts";
import { keyRefusal } from "../http/authentication.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { followingPlan } from "../http/follow-plan.ts";
import { chatAdapter } from "../protocol/chat.ts";
import { isFault } from "../protocol/fault.ts";
import { readJsonBody } from "../protocol/json-body.ts";
import { responsesAdapter } from "../protocol/responses.ts";
import { consideredWire, drawWire } from "../wire/receipt.ts";
import { decisionSentence } from "../wire/sentence.ts";
import { instant } from "../wire/time.ts";

/**
 * What a request would cost at most and who would pay, without any effect. The body is the request itself: one with
 * `messages` is a chat completion, any other a response.
 */
export async function quote(c: HttpContext): Promise<Response> {
  const { accountId, key } = await holderOf(c);
  const { accounts, catalog: cache } = c.var.services;
  const now = Date.now();
  const catalog = await cache.get((work) => c.executionCtx.waitUntil(work));
  const body = await readJsonBody(c.req.raw);
  if (isFault(body)) throw new HttpFault(body.status, body.code, body.message);
  const adapter = Object.hasOwn(body.value, "messages") ? chatAdapter : responsesAdapter;
  const prepared = adapter.prepare(body.value, (model) => catalog.quote(model, now)?.rate ?? null);
  if (isFault(prepared)) throw new HttpFault(prepared.status, prepared.code, prepared.message);
  const rate = catalog.quote(prepared.model, now);
  if (!rate) throw new Error("a prepared request names a model with a rate");

  const { model, bound, openOutput, references } = prepared;
  const request = {
    caller: { key, planVersions: catalog.planVersions(), needs: "read" as const },
    references,
    demand: { feature: rate.rate.feature, model, quote: rate, bound, openOutput },
  };
  const reply = await followingPlan(accounts, catalog, accountId, () => accounts.quote(accountId, request));
  if (reply.kind === "key_refused") throw keyRefusal(reply);
  if (reply.kind === "plan_outdated")
    throw new HttpFault(503, "plan_changing", "Your plan is being changed; try again.");
  if (reply.kind === "unknown_reference") {
    throw new HttpFault(400, "previous_response_not_found", `'${reply.id.slice(0, 64)}' was not found.`);
  }
  const rateCard = { id: rate.cardId, version: rate.cardVersion };
  return c.json({ model, feature: rate.rate.feature, rate_card: rateCard, ...decisionWire(reply.decision) });
}

function decisionWire(decision: Decision) {
  const sentence = decisionSentence(decision);
  const considered = decision.considered.map(consideredWire);
  if (decision.outcome === "allowed") {
    return {
      outcome: "allowed",
      sentence,
      estimated: formatCredits(decision.reserved),
      max_output_tokens: decision.clampedTo ?? decision.bound.outputTokens,
      draws: decision.draws.map(drawWire),
      considered,
    };
  }
  return {
    outcome: "denied",
    sentence,
    reason: decision.reason,
    limit: decision.limit,
    resets_at: instant(decision.resetsAt),
    needed: formatCredits(decision.needed),
    available: formatCredits(decision.available),
    considered,
  };
}
