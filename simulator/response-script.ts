import type { WireEvent } from "./frames.ts";
import { type Plan, shortened } from "./plan.ts";
import type { JsonObject } from "./request-body.ts";
import type { GrowingItem, ItemStatus, OutputItem, ResponseEvent } from "./response-items.ts";
import { cancelledResponse, finishedResponse, type Telling } from "./response-object.ts";

/** The output items of one response, in their order. */
export interface Parts {
  readonly before: readonly OutputItem[];
  readonly text: GrowingItem | null;
  readonly after: readonly OutputItem[];
}

export interface ScriptTerms {
  /** The response object before it has begun. */
  readonly base: JsonObject;
  readonly parts: Parts;
  readonly plan: Plan;
  readonly telling: Telling;
  /** Nothing is generated: `response.created`, then the end. */
  readonly prewarm: boolean;
}

/** Everything that one response will say, known before it begins. Instants are epoch milliseconds. */
export interface ResponseScript {
  readonly base: JsonObject;
  /** How many events a response shows while it is queued. */
  readonly queued: number;
  /** How many events come before the first delta. */
  readonly opening: number;
  readonly deltas: number;
  /** How many events there are. */
  readonly length: number;
  /** Tokens of its input and output: the context of a response that continues it. */
  readonly totalTokens: number;
  readonly ending: Plan["ending"];
  /** The numbered events from `from` to before `to`; `endedAt` is what the last one tells. */
  events(from: number, to: number, endedAt: number): WireEvent[];
  delta(index: number): WireEvent;
  output(): object[];
  finished(endedAt: number): object;
  cancelledAfter(deltas: number): object;
  /** Lets it end after `deltas` for something the user said meanwhile. */
  steerAfter(deltas: number): void;
}

export function scriptOf({ base, parts, plan: planned, telling, prewarm }: ScriptTerms): ResponseScript {
  let plan = planned;
  let { after } = parts;
  const { before, text } = parts;
  const queued = base.background === true ? 2 : 0;
  const started = { ...base, status: "in_progress" };
  const opening: ResponseEvent[] = [
    { type: "response.created", response: base },
    ...(queued === 0 ? [] : [{ type: "response.queued", response: base }]),
    ...(prewarm ? [] : [{ type: "response.in_progress", response: started }]),
    ...before.flatMap((item) => item.events("completed")),
    ...(text?.opening() ?? []),
  ];
  const deltas = () => (text === null ? 0 : plan.deltas);

  function output(): object[] {
    const done = before.map((item) => item.whole("completed"));
    if (plan.ending === "failed") return done;
    const status: ItemStatus = plan.ending;
    const said = text === null ? [] : [text.whole(status, plan.deltas)];
    return [...done, ...said, ...after.map((item) => item.whole(status))];
  }

  function finished(endedAt: number): object {
    return finishedResponse(started, output(), plan, telling, endedAt);
  }

  function closing(endedAt: number): ResponseEvent[] {
    const last = { type: `response.${plan.ending}`, response: finished(endedAt) };
    if (plan.ending === "failed") return [last];
    const status: ItemStatus = plan.ending;
    return [...(text?.closing(status, plan.deltas) ?? []), ...after.flatMap((item) => item.events(status)), last];
  }

  function delta(index: number): WireEvent {
    if (text === null) throw new RangeError(`a response without text has no delta ${index}`);
    return numbered(text.delta(index), opening.length + index);
  }

  function eventsBetween(from: number, to: number, endedAt: number): WireEvent[] {
    const end = opening.length + deltas();
    const said: WireEvent[] = opening.slice(from, to).map((event, index) => numbered(event, from + index));
    for (let at = Math.max(from, opening.length); at < Math.min(to, end); at++) said.push(delta(at - opening.length));
    if (to <= end) return said;
    const last = closing(endedAt).map((event, index) => numbered(event, end + index));
    return [...said, ...last.slice(Math.max(0, from - end), to - end)];
  }

  return {
    base,
    queued,
    opening: opening.length,
    get deltas() {
      return deltas();
    },
    get length() {
      return opening.length + deltas() + closing(0).length;
    },
    get totalTokens() {
      return plan.count.input + plan.count.output;
    },
    get ending() {
      return plan.ending;
    },
    events: eventsBetween,
    delta,
    output,
    finished,
    cancelledAfter: (shown) => cancelledResponse(base, shortened(plan, shown), telling),
    steerAfter(shown) {
      plan = { ...shortened(plan, shown), ending: "incomplete", incompleteReason: "steered" };
      after = [];
    },
  };
}

function numbered({ type, ...rest }: ResponseEvent, at: number): WireEvent {
  return { name: type, data: { type, sequence_number: at, ...rest } };
}
