import { newId } from "./ids.ts";
import type { Prose } from "./text.ts";

/** An event of the Responses stream before it is numbered. */
export type ResponseEvent = { type: string } & Record<string, unknown>;

/** The one output item of a response, whole and as the events that build it up. */
export interface OutputItem {
  readonly deltas: number;
  whole(status: "completed" | "incomplete"): object;
  opening(): ResponseEvent[];
  delta(index: number): ResponseEvent;
  closing(status: "completed" | "incomplete"): ResponseEvent[];
}

/** An assistant message of `deltas` words. */
export function messageItem(prose: Prose, deltas: number): OutputItem {
  const id = newId("msg_");
  const place = { item_id: id, output_index: 0, content_index: 0 };
  const part = (text: string) => ({ type: "output_text", annotations: [], logprobs: [], text });
  const item = (status: string, content: object[]) => ({ id, type: "message", status, role: "assistant", content });
  const whole = (status: string) => item(status, [part(prose.text(deltas))]);
  return {
    deltas,
    whole,
    opening: () => [
      { type: "response.output_item.added", output_index: 0, item: item("in_progress", []) },
      { type: "response.content_part.added", ...place, part: part("") },
    ],
    delta: (index) => ({ type: "response.output_text.delta", ...place, delta: prose.word(index), logprobs: [] }),
    closing: (status) => [
      { type: "response.output_text.done", ...place, text: prose.text(deltas), logprobs: [] },
      { type: "response.content_part.done", ...place, part: part(prose.text(deltas)) },
      { type: "response.output_item.done", output_index: 0, item: whole(status) },
    ],
  };
}

/** What a `compaction_trigger` at the end of the input asks for: exactly one opaque item, and no deltas. */
export function compactionItem(): OutputItem {
  const item = { id: newId("cmp_"), type: "compaction", encrypted_content: newId("simulated-") };
  return {
    deltas: 0,
    whole: () => item,
    opening: () => [{ type: "response.output_item.added", output_index: 0, item }],
    delta: (index) => {
      throw new RangeError(`a compaction has no delta ${index}`);
    },
    closing: () => [{ type: "response.output_item.done", output_index: 0, item }],
  };
}
