import type { Rate } from "../core/rate-card.ts";
import type { Adapter, Json, JsonObject, PreparedRequest, RequestFault } from "./adapter.ts";
import { ChatMeter } from "./chat-meter.ts";
import { estimateInput } from "./estimate.ts";
import { invalid, isFault, unsupported } from "./fault.ts";
import { isObject } from "./json-object.ts";
import { isSet, refuseReferences } from "./references.ts";
import { boundOf, readCommonFields, readTokenBound, refuseFields } from "./request-fields.ts";
import { parseData } from "./sse.ts";
import { toldChunks } from "./told-chunks.ts";
import { type Calls, readTools } from "./tools.ts";

/** Members with which a request would use something that is neither in it nor priced. */
const REFUSED: Readonly<Record<string, string>> = {
  background: "Background completions are not offered here.",
  previous_response_id: "Send the whole conversation in 'messages'.",
  conversation: "Send the whole conversation in 'messages'.",
  audio: "Audio has no price here.",
  best_of: "Use 'n'.",
};

/** The newer name first; the older one is used only where the client uses it. */
const BOUNDS = ["max_completion_tokens", "max_tokens"] as const;
const MOST_CHOICES = 128;

/** POST /v1/chat/completions. */
export const chatAdapter: Adapter = { prepare };

function prepare(body: JsonObject, rateOf: (model: string) => Rate | null): PreparedRequest | RequestFault {
  const fields = readCommonFields(body, rateOf);
  if (isFault(fields)) return fields;
  const refused = refuseFields(body, REFUSED) ?? refuseModalities(body) ?? refuseReferences(body.messages, "messages");
  if (refused) return refused;
  const output = readOutput(body);
  if (isFault(output)) return output;
  const options = body.stream_options ?? null;
  if (options !== null && !isObject(options)) return invalid("stream_options", "an object");
  const tools = readChatTools(body, fields.rate);
  if (isFault(tools)) return tools;

  const { calls } = tools;
  const { limit, choices } = output;
  const input = estimateInput(body);
  const most = fields.rate.maxOutputTokens;
  const outputTokens = Math.min(limit ?? most, most) * choices;
  const priced = boundOf(fields, { inputTokens: input.most, outputTokens, calls });
  if (isFault(priced)) return priced;
  const metered = { leastInput: input.least, calls, serviceTier: fields.serviceTier };
  const asksForUsage = options?.include_usage === true;
  return {
    model: fields.model,
    bound: priced.bound,
    // What is left for several choices cannot be split among them fairly, so their bound is never lowered.
    openOutput: limit === null && choices === 1,
    stream: fields.stream,
    path: "/chat/completions",
    repair: null,
    references: { previousResponse: null, items: [] },
    // A stored completion cannot be named by later requests, and its routes are not served.
    stored: false,
    background: false,
    body: ({ model, maxOutputTokens }) =>
      JSON.stringify({
        ...body,
        model,
        ...usageOption(fields.stream, options),
        ...clamp(body, maxOutputTokens, choices),
      }),
    meter: () => new ChatMeter(metered, choices),
    read: (answer) => {
      const meter = new ChatMeter(metered, choices);
      meter.answer(parseData(answer) ?? undefined);
      return meter.reading();
    },
    rewrite: fields.stream ? () => toldChunks(asksForUsage) : null,
  };
}

/** A stream says what it used only when it is asked to. */
function usageOption(stream: boolean, options: JsonObject | null): JsonObject {
  return stream ? { stream_options: { ...options, include_usage: true } } : {};
}

/** `clampedTo` is for all choices together, upstream's bound for each of them. */
function clamp(body: JsonObject, clampedTo: number | null, choices: number): JsonObject {
  if (clampedTo === null) return {};
  const used = BOUNDS.filter((name) => isSet(body[name]));
  const names = used.length > 0 ? used : BOUNDS.slice(0, 1);
  const each = Math.max(1, Math.floor(clampedTo / choices));
  return Object.fromEntries(names.map((name) => [name, each]));
}

interface Output {
  /** The client's bound for one choice; the larger one where it gives two. */
  readonly limit: number | null;
  readonly choices: number;
}

function readOutput(body: JsonObject): Output | RequestFault {
  let limit: number | null = null;
  for (const name of BOUNDS) {
    const bound = readTokenBound(body, name);
    if (bound === null) continue;
    if (typeof bound !== "number") return bound;
    limit = Math.max(limit ?? 0, bound);
  }
  const choices = body.n ?? 1;
  const isCount = typeof choices === "number" && Number.isInteger(choices) && choices >= 1 && choices <= MOST_CHOICES;
  return isCount ? { limit, choices } : invalid("n", `a whole number from 1 to ${MOST_CHOICES}`);
}

function refuseModalities(body: JsonObject): RequestFault | null {
  const modalities: Json = body.modalities ?? [];
  const isText = Array.isArray(modalities) && modalities.every((modality) => modality === "text");
  return isText ? null : unsupported("modalities", "Only text has a price here.");
}

/** A search is asked for by options of its own, not by a tool. */
function readChatTools(body: JsonObject, rate: Rate): { readonly calls: Calls } | RequestFault {
  const tools = readTools(body, rate);
  if (isFault(tools) || !isSet(body.web_search_options)) return tools;
  if (!Object.hasOwn(rate.perCall, "web_search")) {
    return unsupported("web_search_options", "The tool 'web_search' has no price for this model.");
  }
  return { calls: { ...tools.calls, web_search: 1 } };
}
