import { AccountUnreachable } from "../../durable-objects/client.ts";
import type { EndReply } from "../../durable-objects/commands.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import type { Cast } from "./cast.ts";
import type { Invocation } from "./invocation.ts";

/** Who ends an attempt. */
export interface Ender {
  readonly cast: Cast;
  readonly accountId: string;
  readonly worker: Invocation;
}

/** Ends the attempt and holds the acknowledgement against the journal. */
export async function endAttempt(
  { cast, accountId, worker }: Ender,
  reservation: Reservation,
  send: () => Promise<EndReply>,
  owed: number | null,
): Promise<boolean> {
  const { world, promises } = cast;
  const name = `${reservation.requestId}.${reservation.attempt}`;
  let reply: EndReply;
  try {
    reply = await worker.guard(send());
  } catch (error) {
    if (!(error instanceof AccountUnreachable)) throw error;
    world.tell(`${name} could not be ended`);
    return true;
  }
  world.tell(`${name} ${reply.kind}${reply.kind === "ended" ? ` ${reply.settlement.charge}` : ""}`);
  if (reply.kind === "ended") {
    if (reply.settlement.outcome === "late" && reply.settlement.charge > 0) {
      const charged = promises.charged.get(`${accountId} ${name}`) ?? 0;
      if (charged > reply.settlement.charge) world.reach("settlement after the expiry, beyond a checkpoint");
    }
    promises.ended(accountId, reservation, reply.settlement, owed);
  } else if (owed !== 0 || reply.kind === "unknown") {
    // A release whose first reply was lost may find that it is done, and even that the request was asked for again.
    world.violate("I13: a live attempt is never fenced off", `${name} is answered ${reply.kind}`);
  }
  return true;
}
