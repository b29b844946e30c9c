import { ApiError } from "./errors.ts";
import { newId } from "./ids.ts";
import { isObject, type JsonObject } from "./request-body.ts";
import type { ResponseMemory } from "./response-store.ts";
import { estimateTokens } from "./text.ts";

/** What a model reads for one request. */
export interface ModelInput {
  /** All items, those of earlier responses first. */
  readonly items: readonly JsonObject[];
  /** Tokens of what is not in the body itself. */
  readonly context: number;
}

/**
 * Resolves what the body points at: an earlier response and single items.
 *
 * @throws ApiError 400 `previous_response_not_found`, 404 for an unknown item
 */
export function modelInput(body: JsonObject, memory: ResponseMemory): ModelInput {
  const previous = previousOf(body, memory);
  const referenced: JsonObject[] = [];
  const own = itemsOf(body.input).map((item) => {
    if (!isReference(item)) return withId(item);
    const found = itemBehind(item, memory);
    referenced.push(found);
    return found;
  });
  return {
    items: [...previous.items, ...own],
    context: previous.tokens + referenced.reduce((sum, item) => sum + estimateTokens(JSON.stringify(item)), 0),
  };
}

function previousOf(body: JsonObject, memory: ResponseMemory): { items: readonly JsonObject[]; tokens: number } {
  const id = body.previous_response_id ?? null;
  if (id === null) return { items: [], tokens: 0 };
  const previous = typeof id === "string" ? memory.find(id) : undefined;
  if (previous !== undefined) {
    return { items: [...previous.input, ...previous.output()], tokens: previous.totalTokens() };
  }
  throw new ApiError(400, {
    message: `Previous response with id '${String(id).slice(0, 80)}' not found.`,
    code: "previous_response_not_found",
    param: "previous_response_id",
  });
}

function itemBehind({ id }: JsonObject, memory: ResponseMemory): JsonObject {
  const item = typeof id === "string" ? memory.findItem(id) : undefined;
  if (item !== undefined) return item;
  const message = `Item with id '${String(id).slice(0, 80)}' not found.`;
  throw new ApiError(404, { message, code: null, param: "input" });
}

/** `item_reference` may leave out its type; then it is an id and nothing else. Reasoning is one unless it is said. */
function isReference({ type, ...rest }: JsonObject): boolean {
  if (type === "item_reference") return true;
  if (type === "reasoning") return typeof rest.id === "string" && typeof rest.encrypted_content !== "string";
  return (type ?? null) === null && Object.keys(rest).join() === "id";
}

/** The items of `input`; a text is one message. What is no object is passed over. */
function itemsOf(input: unknown): JsonObject[] {
  if (typeof input === "string") return [{ type: "message", role: "user", content: input }];
  return Array.isArray(input) ? input.filter(isObject) : [];
}

function withId(item: JsonObject): JsonObject {
  const isMessage = (item.type ?? "message") === "message";
  if (!isMessage) return { id: newId("item_"), ...item };
  const { content } = item;
  const parts = typeof content === "string" ? [{ type: "input_text", text: content }] : content;
  return { id: newId("msg_"), type: "message", status: "completed", ...item, content: parts };
}
