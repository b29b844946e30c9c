import type { Resource } from "../core/resource.ts";
import { failureOf, NO_UPSTREAM, type UpstreamFailure, unreachable } from "./failure-policy.ts";
import type { GatewayDeps } from "./journey.ts";
import type { Target } from "./target.ts";
import { callUpstream, type UpstreamCall, UpstreamUnreachable } from "./upstream.ts";

/** A question about something that upstream keeps. */
export interface Question {
  readonly resource: Pick<Resource, "upstream" | "model">;
  readonly method: "GET" | "POST" | "DELETE";
  /** Below the upstream's base URL. */
  readonly path: string;
  readonly search: string;
  /** The client's own headers; only some of them pass on. */
  readonly from: Headers;
  readonly requestId: string;
  readonly streamed: boolean;
  readonly body?: string;
}

/** An answer to it, which may be that nothing has changed (304), or a failure. */
export type Reached =
  | { readonly kind: "reached"; readonly call: UpstreamCall }
  | { readonly kind: "failed"; readonly failure: UpstreamFailure };

/** Asks the one upstream that keeps something. Whatever concerns the operator's account alone is a failure of ours. */
export async function reach(deps: Pick<GatewayDeps, "catalog" | "upstreams">, question: Question): Promise<Reached> {
  const { resource, ...request } = question;
  const { upstreams } = deps;
  const catalog = await deps.catalog();
  const target = upstreams.targetOf(catalog.upstreams(), resource.upstream, resource.model);
  if (!target) return { kind: "failed", failure: NO_UPSTREAM };
  try {
    const call = await callUpstream(inTime(target, question), { ...request, body: question.body ?? null });
    const { status, headers, ok, body } = call.response;
    const failure = ok || isUnchanged(question, status) ? "pass" : failureOf(status, headers.get("retry-after"));
    if (failure === "pass") return { kind: "reached", call };
    call.watchdog.stop();
    await body?.cancel();
    return { kind: "failed", failure };
  } catch (error) {
    if (!(error instanceof UpstreamUnreachable)) throw error;
    return { kind: "failed", failure: unreachable() };
  }
}

/** The client has what it asks for already: no redirect, unlike the statuses beside this one. */
function isUnchanged({ from }: Pick<Question, "from">, status: number): boolean {
  return status === NOT_MODIFIED && from.has("if-none-match");
}

const NOT_MODIFIED = 304;

/** What upstream keeps it has at hand: nobody waits for that as long as for an answer that has to be made. */
const AT_HAND_MS = 30_000;

/** A stream has to begin as soon, but of an answer that is still being made its events may be long in coming. */
function inTime(target: Target, { streamed }: Pick<Question, "streamed">): Target {
  const { patience } = target;
  const soon = streamed
    ? { connectMs: Math.min(patience.connectMs, AT_HAND_MS) }
    : { firstByteMs: Math.min(patience.firstByteMs, AT_HAND_MS) };
  return { ...target, patience: { ...patience, ...soon } };
}
