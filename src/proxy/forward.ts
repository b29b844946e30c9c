import type { AccountClient } from "../../durable-objects/client.ts";
import type { Settlement } from "../core/reservation.ts";
import type { Reading } from "../protocol/adapter.ts";
import { openAIError } from "../protocol/error-body.ts";
import { errorResponse } from "../protocol/refusals.ts";
import { type Ending, endingOf, failureOf, type UpstreamFailure, unreachable } from "./failure-policy.ts";
import { type Answer, type GatewayDeps, HOLD_STREAM_MS, type Journey } from "./journey.ts";
import { decisionHeader, headersForLimits } from "./limit-headers.ts";
import { pump } from "./metered-body.ts";
import { callUpstream, type UpstreamCall, UpstreamUnreachable } from "./upstream.ts";
import { headersToClient } from "./upstream-headers.ts";
import { readWhole } from "./whole-body.ts";

/** Of an upstream's refusal, at most this much is passed on. */
const REFUSAL_CHARACTERS = 16_000;

/** Sends a reserved request upstream, answers the client, and ends the reservation exactly once. */
export async function forward(deps: GatewayDeps, journey: Journey, answer: Answer): Promise<void> {
  const { incoming, prepared, reservation } = journey;
  const begun = Date.now();
  let call: UpstreamCall;
  try {
    const body = prepared.body(reservation.clampedTo);
    call = await callUpstream(deps.upstream, prepared.path, incoming.request.headers, incoming.requestId, body);
  } catch (error) {
    await refuse(deps, journey, unreachable(), answer);
    if (error instanceof UpstreamUnreachable) return;
    throw error;
  }
  const upstreamMs = Date.now() - begun;
  const { response } = call;
  if (!response.ok) return passRefusal(deps, journey, call, answer);

  const headers = answerHeaders(journey, response.headers, upstreamMs);
  const streamed = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  if (streamed && response.body) return stream(deps, journey, call, response.body, headers, answer);
  return whole(deps, journey, call, headers, answer);
}

/** Passes the bytes on as they come and reads them beside, to their end, whatever the client does. */
async function stream(
  deps: GatewayDeps,
  journey: Journey,
  call: UpstreamCall,
  body: ReadableStream<Uint8Array>,
  headers: Headers,
  answer: Answer,
): Promise<void> {
  const { prepared } = journey;
  const [toClient, toMeter] = body.tee();
  answer(new Response(prepared.rewrite ? toClient.pipeThrough(prepared.rewrite()) : toClient, { headers }));
  const { reading, transport } = await pump(toMeter, {
    meter: prepared.meter(),
    cut: call.cut,
    watchdog: call.watchdog,
    onProgress: (sofar) => keepAlive(deps.accounts, journey, sofar),
  });
  await end(deps.accounts, journey, endingOf(reading, transport));
}

/** Reads a JSON answer, settles it, and only then hands it out: the client is never ahead of its receipt. */
async function whole(
  deps: GatewayDeps,
  journey: Journey,
  call: UpstreamCall,
  headers: Headers,
  answer: Answer,
): Promise<void> {
  const text = await readWhole(call);
  if (text === null) return refuse(deps, journey, unreachable(), answer);
  const reading = journey.prepared.read(text);
  await end(deps.accounts, journey, endingOf(reading, "whole"));
  answer(new Response(text, { headers }));
}

async function passRefusal(deps: GatewayDeps, journey: Journey, call: UpstreamCall, answer: Answer): Promise<void> {
  const { response } = call;
  const failure = failureOf(response.status, response.headers.get("retry-after"));
  if (failure !== "pass") {
    call.watchdog.stop();
    await response.body?.cancel();
    return refuse(deps, journey, failure, answer);
  }
  const text = ((await readWhole(call)) ?? "").slice(0, REFUSAL_CHARACTERS);
  await end(deps.accounts, journey, { kind: "release", outcome: "rejected" });
  answer(new Response(text, { status: response.status, headers: answerHeaders(journey, response.headers, null) }));
}

/** Gives back what was reserved and tells the client why there is no answer. */
async function refuse(deps: GatewayDeps, journey: Journey, failure: UpstreamFailure, answer: Answer): Promise<void> {
  await end(deps.accounts, journey, { kind: "release", outcome: failure.outcome });
  const { status, type, code, message, retryAfterSeconds } = failure;
  const { requestId } = journey.incoming;
  answer(errorResponse(openAIError({ status, type, code, message, requestId, retryAfterSeconds })));
}

/**
 * Settles or releases. The client of this call is not failed for it: what cannot be told to the object now is repaired
 * by the expiry of the reservation and a late settlement.
 */
async function end(accounts: AccountClient, journey: Journey, ending: Ending): Promise<Settlement | null> {
  const { accountId, requestId } = journey.incoming;
  const { attempt } = journey.reservation;
  try {
    const reply =
      ending.kind === "settle"
        ? await accounts.settle(accountId, { requestId, attempt, report: ending.report })
        : await accounts.release(accountId, { requestId, attempt, outcome: ending.outcome });
    if (reply.kind === "ended") return reply.settlement;
    logAnomaly("reservation_not_ended", journey, reply.kind);
  } catch (error) {
    logAnomaly("reservation_not_ended", journey, String(error));
  }
  return null;
}

async function keepAlive(accounts: AccountClient, journey: Journey, sofar: Reading): Promise<void> {
  const { accountId, requestId } = journey.incoming;
  const { attempt } = journey.reservation;
  try {
    await accounts.checkpoint(accountId, { requestId, attempt, usage: sofar.counted, holdMs: HOLD_STREAM_MS });
  } catch (error) {
    logAnomaly("checkpoint_failed", journey, String(error));
  }
}

function logAnomaly(event: string, { incoming }: Journey, message: string): void {
  console.error(JSON.stringify({ event, account: incoming.accountId, request: incoming.requestId, message }));
}

function answerHeaders(
  { incoming, reservation, limits, decisionMs }: Journey,
  from: Headers,
  upstreamMs: number | null,
): Headers {
  const headers = headersToClient(from);
  for (const [name, value] of Object.entries(headersForLimits(limits, reservation.feature, Date.now()))) {
    headers.set(name, value);
  }
  headers.set("x-request-id", incoming.requestId);
  headers.set("spillway-decision", decisionHeader(reservation.draws));
  const upstream = upstreamMs === null ? "" : `, upstream;dur=${upstreamMs}`;
  headers.set("server-timing", `decision;dur=${decisionMs}${upstream}`);
  return headers;
}
