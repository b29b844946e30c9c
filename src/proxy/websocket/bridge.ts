import { openAIError } from "../../protocol/error-body.ts";
import { DONE, EventReader, parseData } from "../../protocol/sse.ts";
import { eventFrame } from "../../protocol/websocket-frames.ts";
import { askUpstream } from "../ask.ts";
import type { Transport } from "../failure-policy.ts";
import type { GatewayDeps, Journey } from "../journey.ts";
import type { Target } from "../target.ts";
import { withoutSecret } from "../told-secret.ts";
import type { UpstreamCall } from "../upstream.ts";
import { readWhole } from "../whole-body.ts";
import type { AnswerFrames } from "./answer-frames.ts";
import { brokeOff, refusalOf } from "./upstream-error.ts";

/** What came of asking with a plain request. */
export interface Bridged {
  /** `null` when no upstream answered. */
  readonly target: Target | null;
  readonly transport: Transport;
}

/** Asks with a plain request and passes the events of its answer on as frames, to their end. */
export async function bridge(
  deps: GatewayDeps,
  journey: Journey,
  streamId: string | null,
  frames: AnswerFrames,
): Promise<Bridged> {
  const { requestId } = journey.incoming;
  const asked = await askUpstream(deps, journey);
  if (asked.kind === "failed") {
    frames.refuse(openAIError({ ...asked.failure, requestId }), asked.failure.outcome);
    return { target: null, transport: "whole" };
  }
  if (asked.kind === "rejected") {
    frames.refuse(refusalOf(asked.status, asked.text, requestId), "rejected");
    return { target: null, transport: "whole" };
  }
  const { call, target } = asked;
  const streamed = call.response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  if (streamed) await readStream(call, streamId, frames);
  else await readAnswer(call, streamId, frames);
  if (frames.ended) return { target, transport: "whole" };
  frames.refuse(brokeOff(requestId, frames.reading().produced), "upstream_error");
  return { target, transport: "broken" };
}

async function readStream(
  { response, secret, watchdog, cut }: UpstreamCall,
  streamId: string | null,
  frames: AnswerFrames,
): Promise<void> {
  const reader = new EventReader(({ data, event }) => {
    if (data !== DONE && data.startsWith("{")) frames.take(eventFrame(withoutSecret(data, secret), streamId), event);
  });
  try {
    for await (const piece of response.body ?? []) {
      watchdog.touch();
      reader.push(piece);
      if (reader.violation !== null) return cut("upstream_protocol");
    }
  } catch {
    // It broke off, as its frames tell.
  } finally {
    watchdog.stop();
  }
}

/** An upstream that does not stream answers in one piece, which is the last event of a stream. */
async function readAnswer(call: UpstreamCall, streamId: string | null, frames: AnswerFrames): Promise<void> {
  const response = parseData((await readWhole(call)) ?? "");
  if (!response) return;
  const status = response.status === "incomplete" || response.status === "failed" ? response.status : "completed";
  frames.take(eventFrame(JSON.stringify({ type: `response.${status}`, response }), streamId));
}
