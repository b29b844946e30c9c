import type { Rate } from "../core/rate-card.ts";
import type { Adapter, JsonObject, PreparedRequest, RequestFault } from "./adapter.ts";
import { estimateInput } from "./estimate.ts";
import { isFault } from "./fault.ts";
import { refuseItemReferences, refuseReferences } from "./references.ts";
import { boundOf, readCommonFields, readTokenBound, refuseFields } from "./request-fields.ts";
import { ResponsesMeter } from "./responses-meter.ts";
import { parseData } from "./sse.ts";
import { readTools } from "./tools.ts";

const STORED_UPSTREAM = "Send the whole conversation in 'input'.";

/** Members with which a request would use something that is neither in it nor priced. */
const REFUSED: Readonly<Record<string, string>> = {
  background: "Background responses are not offered here.",
  previous_response_id: STORED_UPSTREAM,
  conversation: STORED_UPSTREAM,
  prompt: "Prompt templates are stored upstream: send the prompt itself in 'input'.",
  n: "One response is made for each request.",
  best_of: "One response is made for each request.",
};

/** POST /v1/responses. */
export const responsesAdapter: Adapter = { prepare };

function prepare(body: JsonObject, rateOf: (model: string) => Rate | null): PreparedRequest | RequestFault {
  const fields = readCommonFields(body, rateOf);
  if (isFault(fields)) return fields;
  const refused =
    refuseFields(body, REFUSED) ?? refuseItemReferences(body.input) ?? refuseReferences(body.input, "input");
  if (refused) return refused;
  const limit = readTokenBound(body, "max_output_tokens");
  if (limit !== null && typeof limit !== "number") return limit;
  const tools = readTools(body, fields.rate);
  if (isFault(tools)) return tools;

  const { calls } = tools;
  const input = estimateInput(body);
  const most = fields.rate.maxOutputTokens;
  const outputTokens = Math.min(limit ?? most, most);
  const priced = boundOf(fields, { inputTokens: input.most, outputTokens, calls });
  if (isFault(priced)) return priced;
  const metered = { leastInput: input.least, calls, serviceTier: fields.serviceTier };
  return {
    model: fields.model,
    bound: priced.bound,
    openOutput: limit === null,
    stream: fields.stream,
    path: "/responses",
    body: (clampedTo) => JSON.stringify(clampedTo === null ? body : { ...body, max_output_tokens: clampedTo }),
    meter: () => new ResponsesMeter(metered),
    read: (answer) => {
      const meter = new ResponsesMeter(metered);
      meter.answer(parseData(answer) ?? undefined);
      return meter.reading();
    },
    rewrite: null,
  };
}
