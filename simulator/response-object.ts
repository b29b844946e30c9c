import { epochSeconds } from "./clock.ts";
import { newId } from "./ids.ts";
import type { Plan } from "./plan.ts";
import { isObject, type JsonObject, metadataOf, requiredModel } from "./request-body.ts";
import type { Scenario } from "./scenario.ts";
import { responsesUsage } from "./usage.ts";

/** How a response is told at its end, apart from what it says. */
export interface Telling {
  readonly scenario: Scenario;
  /** The service tier that served it. */
  readonly tier: string;
}

/** The response object while it is being made. */
export function unfinishedResponse(body: JsonObject, limit: number | null, background: boolean): JsonObject {
  return {
    id: newId("resp_"),
    object: "response",
    created_at: epochSeconds(Date.now()),
    status: background ? "queued" : "in_progress",
    background,
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

/** The response object at its end, at the instant `at`. Usage that shall not be reported is absent, not `null`. */
export function finishedResponse(base: JsonObject, output: object[], plan: Plan, telling: Telling, at: number): object {
  const { scenario, tier } = telling;
  const failed = { code: scenario.errorCode ?? "server_error", message: "The simulated model failed." };
  return {
    ...base,
    status: plan.ending,
    completed_at: plan.ending === "completed" ? epochSeconds(at) : null,
    error: plan.ending === "failed" ? failed : null,
    incomplete_details: plan.ending === "incomplete" ? { reason: plan.incompleteReason } : null,
    output,
    service_tier: tier,
    usage: responsesUsage(plan.count, scenario.usage),
  };
}

/** The response object after a cancellation; `plan` is what was done until then. */
export function cancelledResponse(base: JsonObject, plan: Plan, { scenario, tier }: Telling): object {
  const usage = scenario.cancelUsage ? responsesUsage(plan.count, scenario.usage) : undefined;
  return { ...base, status: "cancelled", service_tier: tier, usage };
}

function shortText(value: unknown): string | null {
  return typeof value === "string" ? value.slice(0, 64) : null;
}
