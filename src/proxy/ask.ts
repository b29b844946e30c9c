import { failureOf, NO_UPSTREAM, type UpstreamFailure, unreachable } from "./failure-policy.ts";
import type { GatewayDeps, Journey } from "./journey.ts";
import type { Target } from "./target.ts";
import { callUpstream, type UpstreamCall, UpstreamUnreachable } from "./upstream.ts";
import { refusalToClient, type UpstreamRefusal } from "./upstream-refusal.ts";
import { readWhole } from "./whole-body.ts";

/** What asking the upstreams came to. */
export type Asked =
  | { readonly kind: "answered"; readonly call: UpstreamCall; readonly target: Target; readonly upstreamMs: number }
  /** None of them could serve it: the operator's trouble, told in our words. */
  | { readonly kind: "failed"; readonly failure: UpstreamFailure }
  /** The request itself was refused, and repeating it elsewhere would not help. */
  | ({ readonly kind: "rejected" } & UpstreamRefusal);

/** A request is not sent to more upstreams than this, so that its client gets an answer in time. */
const MOST_TARGETS = 3;

/**
 * Sends a reserved request to the upstreams that take it, one after the other, until one answers. Nothing has been sent
 * to the client yet, so it never notices. A lone upstream whose connection broke is asked once more.
 */
export async function askUpstream(deps: GatewayDeps, journey: Journey): Promise<Asked> {
  const targets = targetsOf(deps, journey);
  const [only] = targets;
  const attempts = only && targets.length === 1 ? [only, only] : targets.slice(0, MOST_TARGETS);
  let failure: UpstreamFailure = NO_UPSTREAM;
  for (const [index, target] of attempts.entries()) {
    const asked = await attempt(deps, journey, target);
    if (asked.kind !== "failed") return asked;
    failure = asked.failure;
    const again = attempts[index + 1];
    if (again?.upstream === target.upstream && !asked.connectionBroke) break;
  }
  return { kind: "failed", failure };
}

function targetsOf(
  { upstreams }: GatewayDeps,
  { incoming, prepared, reservation, upstream, catalog }: Journey,
): Target[] {
  const known = catalog.upstreams();
  if (upstream !== null) {
    const target = upstreams.targetOf(known, upstream, prepared.model);
    return target ? [target] : [];
  }
  const { feature } = reservation;
  return upstreams.targetsFor(known, { feature, model: prepared.model, accountId: incoming.accountId });
}

type Attempt =
  | Exclude<Asked, { kind: "failed" }>
  | { readonly kind: "failed"; readonly failure: UpstreamFailure; readonly connectionBroke: boolean };

async function attempt(deps: GatewayDeps, journey: Journey, target: Target): Promise<Attempt> {
  const { incoming, prepared, reservation } = journey;
  const begun = Date.now();
  let call: UpstreamCall;
  try {
    call = await callUpstream(target, {
      method: "POST",
      path: prepared.path,
      search: incoming.search,
      from: incoming.headers,
      requestId: incoming.requestId,
      body: prepared.body({ model: target.model, maxOutputTokens: reservation.clampedTo }),
      streamed: prepared.stream,
    });
  } catch (error) {
    if (!(error instanceof UpstreamUnreachable)) throw error;
    deps.upstreams.failed(target);
    const connectionBroke = Date.now() - begun < BROKE_AT_ONCE_MS;
    return { kind: "failed", failure: unreachable(), connectionBroke };
  }
  const { response } = call;
  if (response.ok) {
    deps.upstreams.succeeded(target);
    return { kind: "answered", call, target, upstreamMs: Date.now() - begun };
  }
  const failure = failureOf(response.status, response.headers.get("retry-after"));
  if (failure === "pass") {
    deps.upstreams.succeeded(target);
    const { status, headers } = response;
    const text = (await readWhole(call)) ?? "";
    return { kind: "rejected", ...refusalToClient({ status, text, headers }, incoming.requestId) };
  }
  deps.upstreams.failed(target, response.status === 429 ? (failure.retryAfterSeconds ?? undefined) : undefined);
  call.watchdog.stop();
  await response.body?.cancel();
  return { kind: "failed", failure, connectionBroke: false };
}

/** An upstream that kept us waiting before it failed is not asked again: the client has waited long enough. */
const BROKE_AT_ONCE_MS = 2_000;
