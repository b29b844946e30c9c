import type { AccountClient } from "../../durable-objects/client.ts";
import type { SettleRequest } from "../../durable-objects/commands.ts";
import type { Haste } from "../../durable-objects/grouped-steps.ts";
import type { Settlement } from "../core/reservation.ts";
import type { MadeResource } from "../core/resource.ts";
import type { Reading } from "../protocol/adapter.ts";
import type { Ending } from "./failure-policy.ts";
import { HOLD_JOB_MS, HOLD_STREAM_MS } from "./hold.ts";
import type { GatewayDeps, Journey } from "./journey.ts";
import type { Target } from "./target.ts";

/** Names one attempt of a request. */
type Ended = Pick<Journey, "incoming" | "reservation">;

/**
 * Settles or releases. The client of this call is not failed for it: what cannot be told to the object now is repaired
 * by the expiry of the reservation and a late settlement.
 */
export async function endJourney(
  accounts: AccountClient,
  journey: Ended,
  ending: Ending,
  made: MadeResource | null = null,
  haste: Haste = "awaited",
): Promise<Settlement | null> {
  const { accountId, requestId } = journey.incoming;
  const { attempt } = journey.reservation;
  try {
    const reply =
      ending.kind === "settle"
        ? await accounts.settle(accountId, settlementOf(journey, ending, made), haste)
        : await accounts.release(accountId, { requestId, attempt, outcome: ending.outcome }, haste);
    if (reply.kind === "ended") return reply.settlement;
    logAnomaly("reservation_not_ended", journey, reply.kind);
  } catch (error) {
    logAnomaly("reservation_not_ended", journey, String(error));
  }
  return null;
}

function settlementOf(
  { incoming, reservation }: Ended,
  { report }: Ending & { readonly kind: "settle" },
  made: MadeResource | null,
): SettleRequest {
  const settlement = { requestId: incoming.requestId, attempt: reservation.attempt, report };
  return made ? { ...settlement, made } : settlement;
}

/** Records what a running answer has used so far, which is what its expiry would charge, and gives it more time. */
export async function checkpoint(accounts: AccountClient, journey: Journey, sofar: Reading): Promise<void> {
  const { accountId, requestId } = journey.incoming;
  const { attempt } = journey.reservation;
  try {
    await accounts.checkpoint(accountId, { requestId, attempt, usage: sofar.counted, holdMs: HOLD_STREAM_MS });
  } catch (error) {
    logAnomaly("checkpoint_failed", journey, String(error));
  }
}

/** Remembers a job with its owner before its id is told to anybody; returns whether that worked. */
export async function attachJob(deps: GatewayDeps, journey: Ended, made: MadeResource): Promise<boolean> {
  const { accountId, requestId } = journey.incoming;
  const { attempt } = journey.reservation;
  try {
    const attached = await deps.accounts.attach(accountId, { requestId, attempt, made, holdMs: HOLD_JOB_MS });
    if (!attached) logAnomaly("job_not_attached", journey, made.id);
    else deps.waitUntil(deps.indexJob(made.id, accountId));
    return attached;
  } catch (error) {
    logAnomaly("job_not_attached", journey, String(error));
    return false;
  }
}

/** What upstream keeps of an answer, for later requests that name it; `null` where it keeps nothing. */
export function madeBy({ prepared }: Journey, { upstream }: Target, reading: Reading): MadeResource | null {
  if (!prepared.stored || reading.answerId === null) return null;
  const made = madeResponse(reading.answerId, upstream, reading);
  if (reading.usage) return made;
  // Without a report, the most that it can be.
  const { inputTokens, outputTokens } = prepared.bound;
  return { ...made, contextTokens: inputTokens + outputTokens, outputTokens };
}

/** A response as upstream keeps it, by what was read of it. */
export function madeResponse(id: string, upstream: string, { usage, counted, itemIds }: Reading): MadeResource {
  const { inputTokens, outputTokens } = usage ?? counted;
  return { id, kind: "response", upstream, contextTokens: inputTokens + outputTokens, outputTokens, itemIds };
}

export function logAnomaly(event: string, { incoming }: Ended, message: string): void {
  console.error(JSON.stringify({ event, account: incoming.accountId, request: incoming.requestId, message }));
}
