import { newId } from "./ids.ts";
import type { Prose } from "./text.ts";

/** An event of the Responses stream before it is numbered. */
export type ResponseEvent = { type: string } & Record<string, unknown>;

export type ItemStatus = "completed" | "incomplete";

/** One item of a response's output that appears at once: whole, and as the events that announce it. */
export interface OutputItem {
  whole(status: ItemStatus): object;
  events(status: ItemStatus): ResponseEvent[];
}

/** The item that grows by deltas. It may be closed at any length. */
export interface GrowingItem {
  whole(status: ItemStatus, deltas: number): object;
  opening(): ResponseEvent[];
  delta(index: number): ResponseEvent;
  closing(status: ItemStatus, deltas: number): ResponseEvent[];
}

/** An assistant message; one word per delta. */
export function messageItem(prose: Prose, index: number): GrowingItem {
  const id = newId("msg_");
  const place = { item_id: id, output_index: index, content_index: 0 };
  const part = (text: string) => ({ type: "output_text", annotations: [], logprobs: [], text });
  const item = (status: string, content: object[]) => ({ id, type: "message", status, role: "assistant", content });
  const whole = (status: string, deltas: number) => item(status, [part(prose.text(deltas))]);
  return {
    whole,
    opening: () => [
      { type: "response.output_item.added", output_index: index, item: item("in_progress", []) },
      { type: "response.content_part.added", ...place, part: part("") },
    ],
    delta: (at) => ({ type: "response.output_text.delta", ...place, delta: prose.word(at), logprobs: [] }),
    closing: (status, deltas) => [
      { type: "response.output_text.done", ...place, text: prose.text(deltas), logprobs: [] },
      { type: "response.content_part.done", ...place, part: part(prose.text(deltas)) },
      { type: "response.output_item.done", output_index: index, item: whole(status, deltas) },
    ],
  };
}

/** What a `compaction_trigger` at the end of the input asks for: exactly one opaque item. */
export function compactionItem(index: number): OutputItem {
  const item = { id: newId("cmp_"), type: "compaction", encrypted_content: newId("simulated-") };
  return {
    whole: () => item,
    events: () => [
      { type: "response.output_item.added", output_index: index, item },
      { type: "response.output_item.done", output_index: index, item },
    ],
  };
}

/** Hidden reasoning: named by its id for those who have it stored, said where `isSaid`, in a text that only upstream reads. */
export function reasoningItem(index: number, isSaid: boolean): OutputItem {
  const said = isSaid ? { encrypted_content: newId("simulated-") } : {};
  const item = { id: newId("rs_"), type: "reasoning", summary: [], ...said };
  return {
    whole: () => item,
    events: () => [
      { type: "response.output_item.added", output_index: index, item },
      { type: "response.output_item.done", output_index: index, item },
    ],
  };
}

/** A call of the caller's function `name`, without arguments. */
export function functionCallItem(name: string, index: number): OutputItem {
  const id = newId("fc_");
  const callId = newId("call_");
  const place = { item_id: id, output_index: index };
  const item = (status: string, text: string) => ({
    id,
    type: "function_call",
    status,
    arguments: text,
    call_id: callId,
    name,
  });
  return {
    whole: (status) => item(status, "{}"),
    events: (status) => [
      { type: "response.output_item.added", output_index: index, item: item("in_progress", "") },
      { type: "response.function_call_arguments.delta", ...place, delta: "{}" },
      { type: "response.function_call_arguments.done", ...place, arguments: "{}", name },
      { type: "response.output_item.done", output_index: index, item: item(status, "{}") },
    ],
  };
}

/** A web search that found nothing. */
export function webSearchItem(index: number): OutputItem {
  const id = newId("ws_");
  const place = { item_id: id, output_index: index };
  const query = "how much may pass a spillway";
  const action = { type: "search", query, queries: [query] };
  const item = (status: string) => ({ id, type: "web_search_call", status, action });
  return {
    whole: () => item("completed"),
    events: () => [
      { type: "response.output_item.added", output_index: index, item: item("in_progress") },
      { type: "response.web_search_call.in_progress", ...place },
      { type: "response.web_search_call.searching", ...place },
      { type: "response.web_search_call.completed", ...place },
      { type: "response.output_item.done", output_index: index, item: item("completed") },
    ],
  };
}
