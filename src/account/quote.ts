import { formatCredits } from "../core/amount.ts";
import type { Rate } from "../core/rate-card.ts";
import type { Decision } from "../core/waterfall.ts";
import { holderOf } from "../http/account-access.ts";
import { keyRefusal } from "../http/authentication.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { followingPlan, planChanging } from "../http/follow-plan.ts";
import type { PreparedRequest, RequestFault } from "../protocol/adapter.ts";
import { chatAdapter } from "../protocol/chat.ts";
import { isFault } from "../protocol/fault.ts";
import { type JsonBody, readJsonBody } from "../protocol/json-body.ts";
import { unknownModel } from "../protocol/request-fields.ts";
import { responsesAdapter } from "../protocol/responses.ts";
import { toldName } from "../protocol/told-text.ts";
import { boundOfVideo } from "../protocol/videos/video-price.ts";
import { DEFAULT_MODEL, videoRequestOf } from "../protocol/videos/video-request.ts";
import { pricesWire } from "../wire/prices.ts";
import { consideredWire, drawWire } from "../wire/receipt.ts";
import { decisionSentence } from "../wire/sentence.ts";
import { instant } from "../wire/time.ts";

/** What a request would cost at most and who would pay, without any effect. The body is the request itself. */
export async function quote(c: HttpContext): Promise<Response> {
  const { accountId, key } = await holderOf(c);
  const { accounts, catalog: cache } = c.var.services;
  const now = Date.now();
  const catalog = await cache.get((work) => c.executionCtx.waitUntil(work));
  const body = await readJsonBody(c.req.raw);
  if (isFault(body)) throw new HttpFault(body.status, body.code, body.message);
  const asked = askedFor(body, (model) => catalog.quote(model, now)?.rate ?? null);
  if (isFault(asked)) throw new HttpFault(asked.status, asked.code, asked.message);
  const rate = catalog.quote(asked.model, now);
  if (!rate) throw new Error("a request that was understood names a model with a rate");

  const { model, bound, openOutput, references } = asked;
  const request = {
    caller: { key, planVersions: catalog.planVersions(), needs: "read" as const },
    references,
    demand: { feature: rate.rate.feature, model, quote: rate, bound, openOutput },
  };
  const reply = await followingPlan(accounts, catalog, accountId, () => accounts.quote(accountId, request));
  if (reply.kind === "key_refused") throw keyRefusal(reply);
  if (reply.kind === "plan_outdated") throw planChanging();
  if (reply.kind === "unknown_reference") {
    throw new HttpFault(400, "previous_response_not_found", `'${toldName(reply.id)}' was not found.`);
  }
  const rateCard = { id: rate.cardId, version: rate.cardVersion };
  const priced = { rate_card: rateCard, prices: pricesWire(rate.rate) };
  return c.json({ model, feature: rate.rate.feature, ...priced, ...decisionWire(reply.decision) });
}

type RateOf = (model: string) => Rate | null;
type Asked = Pick<PreparedRequest, "model" | "bound" | "openOutput" | "references">;

/** Which route a body is for: `messages` are a chat completion's, a text as `prompt` a video's; any other a response's. */
function askedFor(body: JsonBody, rateOf: RateOf): Asked | RequestFault {
  if (Object.hasOwn(body.value, "messages")) return chatAdapter.prepare(body.value, rateOf);
  if (typeof body.value.prompt === "string") return newVideoOf(body, rateOf);
  return responsesAdapter.prepare(body.value, rateOf);
}

function newVideoOf(body: JsonBody, rateOf: RateOf): Asked | RequestFault {
  const request = videoRequestOf(body, { verb: "create", defaultModel: DEFAULT_MODEL });
  if (isFault(request)) return request;
  const { model, seconds, size } = request;
  if (model === null || seconds === null || size === null) throw new Error("a new video says its own measure");
  const rate = rateOf(model);
  if (!rate) return unknownModel(model);
  const bound = boundOfVideo(rate, { seconds, size });
  if (isFault(bound)) return bound;
  return { model, bound, openOutput: false, references: { previousResponse: null, items: [] } };
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
      ...(decision.bound.size === null ? {} : { seconds: decision.bound.seconds, size: decision.bound.size }),
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
