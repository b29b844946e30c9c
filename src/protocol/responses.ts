import type { Rate } from "../core/rate-card.ts";
import type { Adapter, JsonObject, PreparedRequest, RequestFault } from "./adapter.ts";
import { estimateInput } from "./estimate.ts";
import { invalid, isFault, unsupported } from "./fault.ts";
import { isSet, readReferences, refuseReferences } from "./references.ts";
import { boundOf, type CommonFields, readCommonFields, readTokenBound, refuseFields } from "./request-fields.ts";
import { ResponsesMeter } from "./responses-meter.ts";
import { parseData } from "./sse.ts";
import { toldAnswer, toldEvents } from "./told-answer.ts";
import { readTools } from "./tools.ts";

/** Members with which a request would use something that is neither in it nor priced. */
const REFUSED: Readonly<Record<string, string>> = {
  conversation:
    "Conversations are not offered here: use 'previous_response_id', or send the whole conversation in 'input'.",
  prompt: "Prompt templates are stored upstream: send the prompt itself in 'input'.",
  n: "One response is made for each request.",
  best_of: "One response is made for each request.",
};

/** A request whose answer is a response. */
export interface ResponsesRequest extends PreparedRequest {
  /** Reads the events of a stream, and the same events where they come as frames of a WebSocket. */
  meter(): ResponsesMeter;
}

/** POST /v1/responses. */
export const responsesAdapter = {
  prepare(body: JsonObject, rateOf: (model: string) => Rate | null): ResponsesRequest | RequestFault {
    const fields = readCommonFields(body, rateOf);
    if (isFault(fields)) return fields;
    const background = readBackground(body);
    if (typeof background !== "boolean") return background;
    const stored = body.store !== false;
    return prepare(body, fields, { path: "/responses", stream: fields.stream, stored, background });
  },
} satisfies Adapter;

/** POST /v1/responses/compact: shortens a conversation to one opaque item, and costs what a response costs. */
export const compactAdapter: Adapter = {
  prepare(body, rateOf) {
    const fields = readCommonFields(body, rateOf);
    if (isFault(fields)) return fields;
    const refused = refuseFields(body, {
      stream: "A compaction comes in one piece.",
      background: "A compaction is waited for.",
    });
    return (
      refused ?? prepare(body, fields, { path: "/responses/compact", stream: false, stored: false, background: false })
    );
  },
};

type Kind = Pick<PreparedRequest, "path" | "stream" | "stored" | "background">;

function prepare(body: JsonObject, fields: CommonFields, kind: Kind): ResponsesRequest | RequestFault {
  const refused = refuseFields(body, REFUSED) ?? refuseReferences(body.input, "input");
  if (refused) return refused;
  const references = readReferences(body);
  if (isFault(references)) return references;
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
    ...kind,
    model: fields.model,
    references,
    bound: priced.bound,
    openOutput: limit === null,
    body: ({ model, maxOutputTokens }) =>
      JSON.stringify({ ...body, model, ...(maxOutputTokens === null ? {} : { max_output_tokens: maxOutputTokens }) }),
    meter: () => new ResponsesMeter(metered),
    read: (answer) => {
      const meter = new ResponsesMeter(metered);
      meter.answer(parseData(answer) ?? undefined);
      return meter.reading();
    },
    repair: toldAnswer,
    rewrite: toldEvents,
  };
}

/** What goes on by itself has to be kept, or nobody could fetch it. */
function readBackground({ background, store }: JsonObject): boolean | RequestFault {
  if (isSet(background) && typeof background !== "boolean") return invalid("background", "true or false");
  if (background === true && store === false) return unsupported("background", "It needs 'store': true.");
  return background === true;
}
