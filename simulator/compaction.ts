import { epochSeconds } from "./clock.ts";
import { ApiError } from "./errors.ts";
import { newId } from "./ids.ts";
import { planAnswer } from "./plan.ts";
import type { Answer } from "./reply.ts";
import { requiredBody, requiredModel } from "./request-body.ts";
import { modelInput } from "./response-input.ts";
import { compactionItem } from "./response-items.ts";
import { estimateTokens, proseFor } from "./text.ts";
import { responsesUsage } from "./usage.ts";

/** `POST /v1/responses/compact`: what the user said, and one opaque item in place of all the rest. */
export const compactInput: Answer = (exchange) => {
  const { store, scenario, bodyText } = exchange;
  const body = requiredBody(exchange.body);
  requiredModel(body);
  const { items, context } = modelInput(body, store);
  if (scenario.ending === "failed") throw new ApiError(500, { message: "The simulated model failed." });
  const { count } = planAnswer(exchange, proseFor(bodyText), { limit: null, context });
  const json = {
    id: newId("resp_"),
    object: "response.compaction",
    created_at: epochSeconds(Date.now()),
    output: [...items.filter((item) => item.role === "user"), compactionItem(0).whole("completed")],
    usage: responsesUsage(count, scenario.usage),
  };
  return { json };
};

/** `POST /v1/responses/input_tokens`: what the same body would be counted as. */
export const countInputTokens: Answer = ({ body, bodyText, store, scenario }) => {
  const { context } = modelInput(requiredBody(body), store);
  const input = scenario.input ?? estimateTokens(bodyText) + context;
  return { json: { object: "response.input_tokens", input_tokens: input } };
};
