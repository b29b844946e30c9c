import { AccountLeftAlone, AccountUnreachable } from "../../durable-objects/client.ts";
import type { HeldRequest, ReserveReply, UnknownReference } from "../../durable-objects/commands.ts";
import type { Catalog } from "../catalog/catalog.ts";
import type { References } from "../core/continuation.ts";
import type { QuotedRate } from "../core/rate-card.ts";
import { followingPlan } from "../http/follow-plan.ts";
import type { PreparedRequest } from "../protocol/adapter.ts";
import { renderDenial } from "../protocol/denial.ts";
import { type ErrorAnswer, openAIError } from "../protocol/error-body.ts";
import { accountUnreachable, keyRefused, unknownReference } from "../protocol/refusals.ts";
import { holdMsOf } from "./hold.ts";
import type { Demanding, GatewayDeps, Incoming, Journey } from "./journey.ts";
import { headersForLimits } from "./limit-headers.ts";

/** Whether a request is let on its way. */
export type Admission<Prepared extends Demanding = PreparedRequest> =
  | { readonly kind: "admitted"; readonly journey: Journey<Prepared> }
  | { readonly kind: "refused"; readonly error: ErrorAnswer }
  /** It repeats a request that has ended, or one whose job is under way. */
  | { readonly kind: "repetition"; readonly reservation: HeldRequest };

/** A request that has been read, with the rate at which it will be charged. */
export interface Wanted<Prepared extends Demanding = PreparedRequest> {
  readonly prepared: Prepared;
  readonly quote: QuotedRate;
  readonly catalog: Catalog;
  /** Tells the content of a request whose id a client chose. */
  readonly fingerprint: string;
  /** Hash of what it asks for, where a plan may take a repetition without a key for the same request. */
  readonly content?: string;
  /** Whether its client says that it repeats a request. */
  readonly repeats?: boolean;
}

/** Asks the account's object to reserve the worst case of a request. A refusal is told in the caller's protocol. */
export async function admit<Prepared extends Demanding>(
  deps: GatewayDeps,
  incoming: Incoming,
  wanted: Wanted<Prepared>,
): Promise<Admission<Prepared>> {
  const begun = Date.now();
  const reply = await reserve(deps, incoming, wanted);
  if (reply === "unreachable") return { kind: "refused", error: accountUnreachable(incoming.requestId) };
  const repeated = repeatedBy(reply);
  if (repeated) return { kind: "repetition", reservation: repeated };
  if (reply.kind !== "reserved") return { kind: "refused", error: refusalOf(reply, incoming, wanted) };
  const { reservation, limits, upstream } = reply;
  const { prepared, catalog } = wanted;
  const decisionMs = Date.now() - begun;
  return { kind: "admitted", journey: { incoming, prepared, reservation, limits, upstream, catalog, decisionMs } };
}

/** The request that this one repeats, where it is answered for by that; `null` where it is not. */
function repeatedBy(reply: ReserveReply): HeldRequest | null {
  if (reply.kind === "ended" || reply.kind === "repeated") return reply.reservation;
  return reply.kind === "in_flight" && reply.reservation.job !== undefined ? reply.reservation : null;
}

async function reserve(
  deps: GatewayDeps,
  incoming: Incoming,
  { prepared, quote, catalog, fingerprint, content, repeats }: Wanted<Demanding>,
): Promise<ReserveReply | "unreachable"> {
  const { accountId, requestId, keyed, key } = incoming;
  const request = {
    caller: { key, planVersions: catalog.planVersions() },
    ...(isEmpty(prepared.references) ? {} : { references: prepared.references }),
    command: {
      requestId,
      owner: crypto.randomUUID(),
      fingerprint,
      keyed,
      holdMs: holdMsOf(prepared),
      ...(content === undefined ? {} : { content }),
      ...(content === undefined || !repeats ? {} : { repeats: { content } }),
      demand: {
        feature: quote.rate.feature,
        model: prepared.model,
        quote,
        bound: prepared.bound,
        openOutput: prepared.openOutput,
      },
    },
  };
  const ask = () => followingPlan(deps.accounts, catalog, accountId, () => deps.accounts.reserve(accountId, request));
  try {
    return await askAgainWhileInFlight(ask);
  } catch (error) {
    if (!(error instanceof AccountUnreachable)) throw error;
    // A storm on an overloaded object is told once a second, not with every request.
    if (!(error instanceof AccountLeftAlone)) {
      console.error(JSON.stringify({ event: "account_unreachable", account: accountId }));
    }
    return "unreachable";
  }
}

function isEmpty({ previousResponse, items }: References): boolean {
  return previousResponse === null && items.length === 0;
}

const AGAIN_MS = [50, 100, 200, 400];

/**
 * A quick client names an answer whose last byte it has just read, while its settlement is still on the way to the
 * object. So an unknown name is asked for again, for a moment, while requests of the account are in flight.
 */
export async function askAgainWhileInFlight<Reply extends { readonly kind: string }>(
  ask: () => Promise<Reply | UnknownReference>,
): Promise<Reply | UnknownReference> {
  let reply = await ask();
  for (const pause of AGAIN_MS) {
    if (!isUnknown(reply) || !reply.inFlight) break;
    await scheduler.wait(pause);
    reply = await ask();
  }
  return reply;
}

function isUnknown(reply: { readonly kind: string }): reply is UnknownReference {
  return reply.kind === "unknown_reference";
}

/** The member of the request that names `id`. */
export function referringMember(id: string, { previousResponse }: References): string {
  return id === previousResponse ? "previous_response_id" : "input";
}

/** The answer to a request that was not reserved. */
function refusalOf(
  reply: Exclude<ReserveReply, { kind: "reserved" }>,
  { requestId }: Incoming,
  { prepared, quote }: Wanted<Demanding>,
): ErrorAnswer {
  switch (reply.kind) {
    case "denied": {
      const now = Date.now();
      const denial = renderDenial(reply.denial, { requestId, now, feature: quote.rate.feature, model: quote.model });
      return { ...denial, headers: { ...headersForLimits(reply.limits, quote.rate.feature, now), ...denial.headers } };
    }
    case "key_refused":
      return keyRefused(requestId, reply);
    case "unknown_reference":
      return unknownReference(requestId, reply.id, referringMember(reply.id, prepared.references));
    case "plan_outdated":
      return accountUnreachable(requestId);
    case "in_flight":
      return openAIError({
        status: 409,
        type: "invalid_request_error",
        code: "request_in_flight",
        message: "A request with this Idempotency-Key is still in progress.",
        requestId,
        retryAfterSeconds: (reply.reservation.expiresAt - Date.now()) / 1_000,
      });
    case "ended":
    case "repeated":
      throw new Error("a repetition is answered by what it repeats");
    case "mismatch":
      return openAIError({
        status: 422,
        type: "invalid_request_error",
        code: "idempotency_key_reused",
        message: "This Idempotency-Key was already used for a request with another content.",
        requestId,
      });
  }
}
