import { ApiError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { follow } from "./follow.ts";
import { type Frames, play } from "./frames.ts";
import { type Plan, planAnswer, servedTier } from "./plan.ts";
import type { Answer } from "./reply.ts";
import { isObject, type JsonObject, optionalInteger, requiredBody } from "./request-body.ts";
import { modelInput } from "./response-input.ts";
import { compactionItem, functionCallItem, messageItem, reasoningItem, webSearchItem } from "./response-items.ts";
import { unfinishedResponse } from "./response-object.ts";
import { type Parts, type ResponseScript, scriptOf } from "./response-script.ts";
import { type StoredResponse, storedResponse } from "./stored-response.ts";
import { type Prose, proseFor } from "./text.ts";

const MAX_TOKENS = 1_000_000_000;

/** `POST /v1/responses`, JSON or a stream of events. Fields and input items that are not known are passed over. */
export const answerResponses: Answer = (exchange) => {
  const body = requiredBody(exchange.body);
  const { scenario } = exchange;
  const { response, script } = beginResponse(exchange, body);
  const streamed = body.stream === true;
  if (response.isBackground) {
    return streamed
      ? { beats: (signal) => follow(response, -1, scenario, signal), job: response }
      : { json: script.base, job: response };
  }
  if (streamed) {
    return {
      beats: (signal) => play(framesOf(script, response), scenario, signal),
      ended: (ending) => (ending === "cancelled" ? response.cancel() : response.finish()),
    };
  }
  response.finish();
  return { json: response.object() };
};

/** A response at its beginning. It is kept where the exchange keeps responses. */
export function beginResponse(
  exchange: Exchange,
  body: JsonObject,
  prewarm = false,
): { response: StoredResponse; script: ResponseScript } {
  const { scenario, store } = exchange;
  const isStored = body.store !== false;
  const background = body.background === true;
  if (background && !isStored) {
    throw new ApiError(400, { message: "Background mode requires store=true.", param: "background" });
  }
  const limit = optionalInteger(body, "max_output_tokens", 1, MAX_TOKENS);
  const base = unfinishedResponse(body, limit, background);
  const { items, context } = modelInput(body, store);
  const prose = proseFor(exchange.bodyText);
  const planned = planAnswer(exchange, prose, { limit, context });
  const plan = prewarm ? silent(planned) : planned;
  const parts = prewarm ? NOTHING : partsOf(exchange, body, prose, plan);
  const script = scriptOf({ base, parts, plan, telling: { scenario, tier: servedTier(exchange) }, prewarm });
  const response = storedResponse(script, items, background ? scenario.backgroundMs : null);
  store.keep(response, isStored);
  return { response, script };
}

/** The events as they are played to a caller who waits for them. */
export function framesOf(script: ResponseScript, response: StoredResponse): Frames {
  return {
    deltas: script.deltas,
    opening: () => response.events(0, script.opening),
    delta: (index) => script.delta(index),
    closing: () => {
      response.finish();
      return response.events(script.opening + script.deltas, Number.POSITIVE_INFINITY);
    },
  };
}

const NOTHING: Parts = { before: [], text: null, after: [] };

function silent(plan: Plan): Plan {
  return { ...plan, deltas: 0, count: { ...plan.count, output: 0, reasoning: 0 } };
}

/**
 * Reasoning and searches come before the text, function calls after it or, where there is nothing to say, in its place.
 */
function partsOf({ scenario }: Exchange, body: JsonObject, prose: Prose, plan: Plan): Parts {
  if (asksForCompaction(body)) return { ...NOTHING, after: [compactionItem(0)] };
  const { calls, searches } = scenario;
  const thoughts = plan.count.reasoning > 0 ? [reasoningItem(0, asksForReasoning(body))] : [];
  const found = Array.from({ length: searches }, (_, index) => webSearchItem(thoughts.length + index));
  const before = [...thoughts, ...found];
  const text = plan.deltas === 0 && calls.length > 0 ? null : messageItem(prose, before.length);
  const next = before.length + (text === null ? 0 : 1);
  return { before, text, after: calls.map((name, index) => functionCallItem(name, next + index)) };
}

function asksForReasoning({ include }: JsonObject): boolean {
  return Array.isArray(include) && include.includes("reasoning.encrypted_content");
}

function asksForCompaction(body: JsonObject): boolean {
  const last: unknown = Array.isArray(body.input) ? body.input.at(-1) : null;
  return isObject(last) && last.type === "compaction_trigger";
}
