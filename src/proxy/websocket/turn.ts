import { mintRequestId } from "../../http/request-id.ts";
import type { Reading } from "../../protocol/adapter.ts";
import { type ErrorAnswer, renderFault } from "../../protocol/error-body.ts";
import { isFault } from "../../protocol/fault.ts";
import { unknownReference } from "../../protocol/refusals.ts";
import {
  type CreateFrame,
  createFrame,
  errorFrame,
  eventFrame,
  preparedEvents,
} from "../../protocol/websocket-frames.ts";
import { admit } from "../admission.ts";
import { isCodex } from "../codex.ts";
import { checkpoint, endJourney, madeBy } from "../ending.ts";
import type { Ending } from "../failure-policy.ts";
import type { Journey } from "../journey.ts";
import { decisionHeader, rateLimitsFrame } from "../limit-headers.ts";
import { AnswerFrames } from "./answer-frames.ts";
import { type Bridged, bridge } from "./bridge.ts";
import type { Connection } from "./connection.ts";
import { type FrameRequest, readFrameRequest } from "./frame-request.ts";
import { continued } from "./memory.ts";
import { pass } from "./pass.ts";
import { Pulse } from "./pulse.ts";

const ROUTE = "/v1/responses";

/** Serves one frame that asks for a response: its own decision, reservation and settlement, as if it were a request. */
export async function serveFrame(connection: Connection, frame: CreateFrame): Promise<void> {
  const { deps, caller } = connection;
  const requestId = mintRequestId();
  const refuse = (answer: ErrorAnswer): void => connection.say(errorFrame(answer, frame.streamId));
  const catalog = await deps.catalog();
  const request = readFrameRequest(connection, frame, catalog);
  if (isFault(request)) return refuse(renderFault(request, requestId));
  if (request.context.kind === "held" && !request.target) return refuse(notFound(frame, requestId));

  const { prepared, quote } = request;
  const incoming = { ...caller, route: ROUTE, search: "", requestId, keyed: false };
  const admission = await admit(deps, incoming, { prepared, quote, catalog, fingerprint: requestId });
  if (admission.kind === "refused") return refuse(admission.error);
  if (admission.kind !== "admitted") throw new Error("a frame repeats no request that was there before");
  await answer(connection, frame, request, admission.journey);
}

async function answer(
  connection: Connection,
  frame: CreateFrame,
  request: FrameRequest,
  journey: Journey,
): Promise<void> {
  const { incoming, reservation, limits, upstream } = journey;
  const { requestId } = incoming;
  const decision = decisionHeader(reservation.draws);
  connection.say(rateLimitsFrame(limits, reservation.feature, { request_id: requestId, decision }));

  const passes = request.target !== null && (upstream === null || upstream === request.target.upstream);
  if (!passes && (request.context.kind === "held" || (!frame.generate && request.context.kind === "stored"))) {
    await endJourney(connection.deps.accounts, journey, { kind: "release", outcome: "rejected" });
    return connection.say(errorFrame(notFound(frame, requestId), frame.streamId));
  }
  if (!passes && !frame.generate) return prepareHere(connection, frame, request, journey);
  await carry(connection, frame, request, journey, passes);
}

/** The connection forgot it, or never knew it: the client then says everything. */
function notFound({ previousResponse }: CreateFrame, requestId: string): ErrorAnswer {
  return unknownReference(requestId, previousResponse ?? "");
}

/** A plain request cannot prepare anything upstream: what the next frame goes on from is kept here, and costs nothing. */
async function prepareHere(
  { deps, memory, say }: Connection,
  { streamId }: CreateFrame,
  { context, prepared }: FrameRequest,
  journey: Journey,
): Promise<void> {
  const id = `resp_${crypto.randomUUID().replaceAll("-", "")}`;
  if (context.kind === "said") memory.remember(id, context);
  for (const event of preparedEvents(id, prepared.model, Math.floor(Date.now() / 1_000)))
    say(eventFrame(event, streamId));
  await endJourney(deps.accounts, journey, { kind: "release", outcome: "completed" });
}

/** Asks upstream, passes its answer on and settles it, whatever the client does meanwhile. */
async function carry(
  connection: Connection,
  frame: CreateFrame,
  request: FrameRequest,
  journey: Journey,
  passes: boolean,
): Promise<void> {
  const { deps, caller, gone } = connection;
  const meter = request.prepared.meter();
  const keep = (): void => deps.waitUntil(checkpoint(deps.accounts, journey, meter.reading()));
  const pulse = new Pulse({
    keepAliveMs: isCodex(caller.headers) ? deps.keepAliveMs : null,
    say: connection.say,
    checkpoint: keep,
  });
  const frames = new AnswerFrames({
    meter,
    streamId: frame.streamId,
    requestId: journey.incoming.requestId,
    keepsItems: !passes,
    say: (text) => pulse.say(text),
  });
  gone.addEventListener("abort", keep);
  const carried = passes
    ? passOn(connection, frame, request, journey, frames)
    : bridge(deps, journey, frame.streamId, frames);
  const { target, transport } = await carried.finally(() => {
    pulse.stop();
    gone.removeEventListener("abort", keep);
  });
  const reading = frames.reading();
  remember(connection, frame, request, passes, frames, reading);
  const made = target ? madeBy(journey, target, reading) : null;
  await endJourney(deps.accounts, journey, endingOf(frame, reading, frames.ending(transport)), made, "at once");
}

async function passOn(
  { deps, socket }: Connection,
  frame: CreateFrame,
  { prepared, context, target }: FrameRequest,
  { reservation }: Journey,
  frames: AnswerFrames,
): Promise<Bridged> {
  if (!socket || !target) throw new Error("only what upstream's connection takes is passed on");
  const body = prepared.body({ model: target.model, maxOutputTokens: reservation.clampedTo });
  const named = context.kind === "held" ? frame.previousResponse : null;
  const transport = await pass(socket, frame.streamId, createFrame(body, frame, named), frames);
  if (transport === "broken" || frames.error?.failure) deps.upstreams.failed(target);
  else deps.upstreams.succeeded(target);
  return { target, transport };
}

/** What was prepared without output costs what upstream says, and counts as nothing where that is nothing. */
function endingOf({ generate }: CreateFrame, { usage }: Reading, ending: Ending): Ending {
  const isFree = usage !== null && usage.inputTokens === 0 && usage.outputTokens === 0;
  return !generate && isFree && ending.kind === "settle" ? { kind: "release", outcome: "completed" } : ending;
}

/** Only an answer that came to its end can be gone on from. */
function remember(
  { memory }: Connection,
  { previousResponse }: CreateFrame,
  { context, prepared }: FrameRequest,
  passed: boolean,
  frames: AnswerFrames,
  { end, answerId, usage }: Reading,
): void {
  if (frames.error?.code === "previous_response_not_found" && previousResponse !== null)
    memory.forget(previousResponse);
  if (answerId === null || (end !== "completed" && end !== "incomplete")) return;
  if (passed) {
    const { inputTokens, outputTokens } = usage ?? prepared.bound;
    memory.remember(answerId, { kind: "held", contextTokens: inputTokens + outputTokens });
  } else if (context.kind === "said") {
    memory.remember(answerId, { kind: "said", conversation: continued(context.conversation, frames.items()) });
  }
}
