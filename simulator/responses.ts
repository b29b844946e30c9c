import { epochSeconds } from "./clock.ts";
import type { Answer, Exchange } from "./exchange.ts";
import { newId } from "./ids.ts";
import { type Plan, planAnswer, servedTier } from "./plan.ts";
import { isObject, type JsonObject, metadataOf, optionalInteger, requiredBody, requiredModel } from "./request-body.ts";
import { compactionItem, messageItem, type OutputItem, type ResponseEvent } from "./response-items.ts";
import { type Frames, sseEvent } from "./stream.ts";
import { proseFor } from "./text.ts";
import { responsesUsage } from "./usage.ts";

const MAX_TOKENS = 1_000_000_000;

/** `POST /v1/responses`, JSON or a stream of events. Fields and input items that are not known are passed over. */
export const answerResponses: Answer = (exchange) => {
  const body = requiredBody(exchange.body);
  const limit = optionalInteger(body, "max_output_tokens", 1, MAX_TOKENS);
  const prose = proseFor(exchange.bodyText);
  const plan = planAnswer(exchange, prose, limit);
  const item = asksForCompaction(body) ? compactionItem() : messageItem(prose, plan.deltas);
  const base = baseOf(body, limit);
  const final = () => finalResponse(base, item, plan, exchange);
  return body.stream === true ? { frames: eventFrames(base, item, plan, final) } : { json: final() };
};

function eventFrames(base: JsonObject, item: OutputItem, plan: Plan, final: () => object): Frames {
  let next = 0;
  const numbered = ({ type, ...rest }: ResponseEvent) => sseEvent({ type, sequence_number: next++, ...rest }, type);
  const text = (events: ResponseEvent[]) => events.map(numbered).join("");
  return {
    deltas: item.deltas,
    opening: () =>
      text([
        { type: "response.created", response: base },
        { type: "response.in_progress", response: base },
        ...item.opening(),
      ]),
    delta: (index) => numbered(item.delta(index)),
    closing: () =>
      text([
        ...(plan.ending === "failed" ? [] : item.closing(plan.ending)),
        { type: `response.${plan.ending}`, response: final() },
      ]),
  };
}

/** The response object while it is being made. */
function baseOf(body: JsonObject, limit: number | null): JsonObject {
  return {
    id: newId("resp_"),
    object: "response",
    created_at: epochSeconds(),
    status: "in_progress",
    background: false,
    completed_at: null,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: limit,
    max_tool_calls: null,
    metadata: metadataOf(body),
    model: requiredModel(body),
    output: [],
    parallel_tool_calls: body.parallel_tool_calls !== false,
    previous_response_id: shortText(body.previous_response_id),
    prompt_cache_key: shortText(body.prompt_cache_key),
    reasoning: { effort: isObject(body.reasoning) ? shortText(body.reasoning.effort) : null, summary: null },
    safety_identifier: null,
    service_tier: shortText(body.service_tier) ?? "auto",
    store: body.store !== false,
    temperature: 1,
    text: { format: { type: "text" }, verbosity: "medium" },
    tool_choice: "auto",
    tools: [],
    top_logprobs: 0,
    top_p: 1,
    truncation: "disabled",
    usage: null,
    user: null,
  };
}

/** The response object at its end. Usage that shall not be reported is absent, not `null`. */
function finalResponse(base: JsonObject, item: OutputItem, plan: Plan, exchange: Exchange): object {
  const { scenario } = exchange;
  const { usage: _, ...rest } = base;
  const usage = responsesUsage(plan.count, scenario.usage);
  const failed = { code: scenario.errorCode ?? "server_error", message: "The simulated model failed." };
  return {
    ...rest,
    status: plan.ending,
    completed_at: plan.ending === "completed" ? epochSeconds() : null,
    error: plan.ending === "failed" ? failed : null,
    incomplete_details: plan.ending === "incomplete" ? { reason: plan.incompleteReason } : null,
    output: plan.ending === "failed" ? [] : [item.whole(plan.ending)],
    service_tier: servedTier(exchange),
    ...(usage === undefined ? {} : { usage }),
  };
}

function asksForCompaction(body: JsonObject): boolean {
  const last: unknown = Array.isArray(body.input) ? body.input.at(-1) : null;
  return isObject(last) && last.type === "compaction_trigger";
}

function shortText(value: unknown): string | null {
  return typeof value === "string" ? value.slice(0, 64) : null;
}
