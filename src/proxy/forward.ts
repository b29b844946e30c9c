import type { Reading } from "../protocol/adapter.ts";
import { openAIError } from "../protocol/error-body.ts";
import { errorResponse } from "../protocol/refusals.ts";
import { answerHeaders } from "./answer-headers.ts";
import { askUpstream } from "./ask.ts";
import { attachJob, checkpoint, endJourney, madeBy } from "./ending.ts";
import { endingOf, UNREADABLE, type UpstreamFailure, unreachable } from "./failure-policy.ts";
import type { Answer, GatewayDeps, Journey } from "./journey.ts";
import { keepAliveFor } from "./keep-alive.ts";
import { relay } from "./relay.ts";
import type { Target } from "./target.ts";
import { unknownCreation } from "./unknown-creation.ts";
import type { UpstreamCall } from "./upstream.ts";
import type { PlainHeaders } from "./upstream-headers.ts";
import { readWhole } from "./whole-body.ts";

/** Sends a reserved request upstream, answers the client, and ends the reservation exactly once. */
export async function forward(deps: GatewayDeps, journey: Journey, answer: Answer): Promise<void> {
  const asked = await askUpstream(deps, journey);
  if (asked.kind === "failed") return refuse(deps, journey, asked.failure, answer);
  if (asked.kind === "rejected") {
    await endJourney(deps.accounts, journey, { kind: "release", outcome: "rejected" });
    const headers = answerHeaders(journey, asked.headers, null);
    return answer(new Response(asked.text, { status: asked.status, headers }));
  }
  const { call, target, upstreamMs } = asked;
  const headers = answerHeaders(journey, call.response.headers, upstreamMs);
  const streamed = headers["content-type"]?.startsWith("text/event-stream") ?? false;
  // To look at a body is to make a stream of it, which a whole answer has no use for.
  const body = streamed ? call.response.body : null;
  if (body) return stream(deps, journey, { call, target, body }, headers, answer);
  return whole(deps, journey, { call, target }, headers, answer);
}

interface Answered {
  readonly call: UpstreamCall;
  readonly target: Target;
}

/** Passes the pieces on as they come and reads them to their end, whatever the client does. */
async function stream(
  deps: GatewayDeps,
  journey: Journey,
  { call, target, body }: Answered & { readonly body: ReadableStream<Uint8Array> },
  headers: PlainHeaders,
  answer: Answer,
): Promise<void> {
  const { accounts } = deps;
  const { prepared, incoming } = journey;
  const relayed = relay(body, {
    meter: prepared.meter(),
    rewriter: prepared.rewrite?.() ?? null,
    keepAlive: keepAliveFor(incoming.headers, prepared, deps.keepAliveMs),
    secret: call.secret,
    cut: call.cut,
    watchdog: call.watchdog,
    onProgress: (sofar) => checkpoint(accounts, journey, sofar),
    onClientGone: (sofar) => checkpoint(accounts, journey, sofar),
    ...(prepared.background
      ? {
          onAnswerId: async (reading) => {
            const made = madeBy(journey, target, reading);
            return made === null || attachJob(deps, journey, made);
          },
        }
      : {}),
  });
  answer(new Response(relayed.readable, { headers }));
  const { reading, transport } = await relayed.ended;
  // A job goes on upstream when the stream that showed it breaks: whoever sees its end settles it.
  if (prepared.background && reading.end === "open" && reading.answerId !== null) return;
  await endJourney(accounts, journey, endingOf(reading, transport), madeBy(journey, target, reading), "at once");
}

/** Reads a JSON answer and hands it out; where upstream keeps it, once it is known to be the account's own. */
async function whole(
  deps: GatewayDeps,
  journey: Journey,
  { call, target }: Answered,
  headers: PlainHeaders,
  answer: Answer,
): Promise<void> {
  const { accounts } = deps;
  const text = await readWhole(call);
  if (text === null) return refuse(deps, journey, unreachable(), answer);
  const reading = journey.prepared.read(text);
  if (saysNothing(reading)) return refuse(deps, journey, UNREADABLE, answer);
  const made = madeBy(journey, target, reading);
  const ending = endingOf(reading, "whole");
  if (journey.prepared.background && reading.end === "open" && made) {
    if (!(await attachJob(deps, journey, made))) return answer(unknownCreation(journey.incoming.requestId, NOT_KEPT));
  } else if (made) {
    await endJourney(accounts, journey, ending, made);
  }
  answer(new Response(journey.prepared.repair?.(text) ?? text, { headers }));
  if (!made) await endJourney(accounts, journey, ending, null, "rests");
}

/** Whether what was read is an answer at all: an object of the protocol has an id, an end or something produced. */
function saysNothing({ end, produced, answerId }: Reading): boolean {
  return end === "open" && !produced && answerId === null;
}

const NOT_KEPT =
  "The response was begun, but it could not be noted that it is yours, so it cannot be read. Nothing is charged for it.";

/** Gives back what was reserved and tells the client why there is no answer. */
async function refuse(deps: GatewayDeps, journey: Journey, failure: UpstreamFailure, answer: Answer): Promise<void> {
  await endJourney(deps.accounts, journey, { kind: "release", outcome: failure.outcome });
  const { status, type, code, message, retryAfterSeconds } = failure;
  const { requestId } = journey.incoming;
  answer(errorResponse(openAIError({ status, type, code, message, requestId, retryAfterSeconds })));
}
