import type { Catalog } from "../../catalog/catalog.ts";
import { type References, withContext } from "../../core/continuation.ts";
import type { QuotedRate } from "../../core/rate-card.ts";
import { NO_USAGE } from "../../core/usage.ts";
import type { JsonObject, RequestFault } from "../../protocol/adapter.ts";
import { fault, isFault } from "../../protocol/fault.ts";
import { BODY_LIMITS } from "../../protocol/json-body.ts";
import { readReferences } from "../../protocol/references.ts";
import { type ResponsesRequest, responsesAdapter } from "../../protocol/responses.ts";
import type { CreateFrame } from "../../protocol/websocket-frames.ts";
import { type Target, takes } from "../target.ts";
import type { Connection } from "./connection.ts";
import { type ConnectionMemory, type Conversation, continued, inputItems, itemsOf, NOTHING_SAID } from "./memory.ts";

/** Who knows what a frame goes on from. */
type Context =
  /** The request says all of it. */
  | { readonly kind: "said"; readonly conversation: Conversation }
  /** Upstream's connection holds it. */
  | { readonly kind: "held"; readonly contextTokens: number }
  /** Not this connection: an upstream keeps it, if it is the account's. */
  | { readonly kind: "stored" };

/** A frame as a request. */
export interface FrameRequest {
  readonly prepared: ResponsesRequest;
  readonly quote: QuotedRate;
  readonly context: Context;
  /** Upstream's connection, where it takes the model; otherwise the request goes as a plain one. */
  readonly target: Target | null;
}

/** Reads the request of a frame. Its model is looked up anew: a connection may ask for another with every frame. */
export function readFrameRequest(
  connection: Connection,
  frame: CreateFrame,
  catalog: Catalog,
): FrameRequest | RequestFault {
  const context = contextOf(connection.memory, frame);
  if (context.kind === "said" && context.conversation.bytes > BODY_LIMITS.bytes) return tooLong();
  const now = Date.now();
  const read = responsesAdapter.prepare(bodyOf(frame, context), (model) => catalog.quote(model, now)?.rate ?? null);
  if (isFault(read)) return read;
  const quote = catalog.quote(read.model, now);
  if (!quote) throw new Error("a prepared request names a model with a rate");
  const target = targetOf(connection, catalog, quote);
  const references = namedBy(frame, context, read);
  if (isFault(references)) return references;
  const prepared = { ...read, references, ...worstCase(read, frame, context, target) };
  return { prepared, quote, context, target };
}

/** The connection's own upstream, as long as it takes this model. */
function targetOf({ deps, socket }: Connection, catalog: Catalog, { rate, model }: QuotedRate): Target | null {
  const upstreams = catalog.upstreams();
  const own = upstreams.find(({ id }) => id === socket?.target.upstream);
  return own && takes(own, rate.feature, model) ? deps.upstreams.targetOf(upstreams, own.id, model) : null;
}

function contextOf(memory: ConnectionMemory, { previousResponse, body }: CreateFrame): Context {
  const before = previousResponse === null ? null : memory.recall(previousResponse);
  if (previousResponse !== null && !before) return { kind: "stored" };
  if (before?.kind === "held") return before;
  return { kind: "said", conversation: continued(before?.conversation ?? NOTHING_SAID, inputItems(body.input)) };
}

/** The body of the plain request; what upstream's connection holds is named in the frame alone. */
function bodyOf({ body, previousResponse }: CreateFrame, context: Context): JsonObject {
  if (context.kind === "stored") return { ...body, previous_response_id: previousResponse };
  if (context.kind === "held" || previousResponse === null) return body;
  return { ...body, input: itemsOf(context.conversation) };
}

/** What answers of this connection said, and nobody stored, is said again: reasoning with an id is not named by it. */
function namedBy({ body }: CreateFrame, { kind }: Context, read: ResponsesRequest): References | RequestFault {
  return kind === "said" && !read.stored ? readReferences(body) : read.references;
}

function worstCase(
  { bound, openOutput }: ResponsesRequest,
  { generate }: CreateFrame,
  context: Context,
  target: Target | null,
): Pick<ResponsesRequest, "bound" | "openOutput"> {
  const whole = context.kind === "held" ? withContext(bound, context.contextTokens) : bound;
  if (generate) return { bound: whole, openOutput };
  // Without output nothing is produced and no tool is called; without upstream's connection, nobody is asked at all.
  return { bound: target ? { ...whole, outputTokens: 0, calls: {} } : NO_USAGE, openOutput: false };
}

function tooLong(): RequestFault {
  return fault("request_too_large", `The conversation is larger than ${BODY_LIMITS.bytes} bytes.`, "input", 413);
}
