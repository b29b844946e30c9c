import type { RequestFault } from "../../protocol/adapter.ts";
import type { VideoRequest } from "../../protocol/videos/video-request.ts";
import { failureOf, NO_UPSTREAM, type UpstreamFailure } from "../failure-policy.ts";
import type { GatewayDeps, Incoming } from "../journey.ts";
import type { Target } from "../target.ts";
import { callUpstream, type UpstreamCall, UpstreamUnreachable } from "../upstream.ts";
import { refusalToClient, type UpstreamRefusal } from "../upstream-refusal.ts";
import { readWhole } from "../whole-body.ts";

/** What asking upstream for a video came to. */
export type Creation =
  | { readonly kind: "created"; readonly text: string; readonly headers: Headers; readonly target: Target }
  /** Upstream refused the request itself. */
  | ({ readonly kind: "rejected" } & UpstreamRefusal)
  /** The rest of the body turned out to be wrong on its way. */
  | { readonly kind: "faulty"; readonly fault: RequestFault }
  | { readonly kind: "failed"; readonly failure: UpstreamFailure }
  /** Nobody can say whether upstream has begun it: its answer was lost. */
  | { readonly kind: "unknown"; readonly target: Target };

const MOST_TARGETS = 3;
/** Told by something between us and the upstream, which may have taken the request on all the same. */
const SAYS_NOTHING: ReadonlySet<number> = new Set([408, 502, 504, 522, 524]);

/**
 * Asks upstream to make a video. Unlike a text, a video is paid for by the operator once it is begun, so another upstream
 * is asked only where one has refused for certain, and a body that was sent in pieces is never sent twice.
 */
export async function createUpstream(
  deps: GatewayDeps,
  incoming: Incoming,
  request: VideoRequest,
  targets: readonly Target[],
): Promise<Creation> {
  let creation: Creation = { kind: "failed", failure: NO_UPSTREAM };
  for (const target of targets.slice(0, request.whole ? MOST_TARGETS : 1)) {
    creation = await attempt(deps, incoming, request, target);
    if (creation.kind !== "failed") break;
  }
  return creation;
}

async function attempt(
  deps: GatewayDeps,
  { headers, requestId }: Incoming,
  request: VideoRequest,
  target: Target,
): Promise<Creation> {
  const body = request.toUpstream({ model: target.model });
  const { path } = request;
  let call: UpstreamCall;
  try {
    const sent = { method: "POST", path, search: "", from: headers, requestId, body, streamed: false };
    call = await callUpstream(target, sent);
  } catch (error) {
    if (!(error instanceof UpstreamUnreachable)) throw error;
    const fault = body.fault();
    if (fault) return { kind: "faulty", fault };
    deps.upstreams.failed(target);
    return { kind: "unknown", target };
  }
  const text = await readWhole(call);
  const { ok, status, headers: answered } = call.response;
  const fault = body.fault();
  if (fault) return { kind: "faulty", fault };
  if (text === null || SAYS_NOTHING.has(status)) {
    deps.upstreams.failed(target);
    return { kind: "unknown", target };
  }
  const failure = ok ? "pass" : failureOf(status, answered.get("retry-after"));
  if (failure !== "pass") {
    deps.upstreams.failed(target, status === 429 ? (failure.retryAfterSeconds ?? undefined) : undefined);
    return { kind: "failed", failure };
  }
  deps.upstreams.succeeded(target);
  return ok
    ? { kind: "created", text, headers: answered, target }
    : { kind: "rejected", ...refusalToClient({ status, text, headers: answered }, requestId) };
}
