import type { EndReply } from "../../durable-objects/commands.ts";
import { formatCredits } from "../core/amount.ts";
import { isOverdue } from "../core/overdue.ts";
import type { Reservation, Settlement } from "../core/reservation.ts";
import { tellAct } from "../http/admin-act.ts";
import { readAs } from "../http/body.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { instant } from "../wire/time.ts";
import { existing } from "./existing-account.ts";
import { reservationResolution } from "./schemas.ts";

/** How an operator ends a request, in its usage event. */
const BY_HAND = "abandoned";

/**
 * Ends a pending request by hand, through the commands by which requests end themselves: `release` charges nothing,
 * `settle_checkpoint` charges what was seen of it. A request that is still running upstream would go on unpaid, so one
 * that is not overdue is only ended with `force`.
 */
export async function resolveReservation(c: HttpContext): Promise<Response> {
  const { id } = await existing(c);
  const requestId = c.req.param("request") ?? "";
  const { action, reason, force } = await readAs(c, reservationResolution);
  const { accounts } = c.var.services;
  const reservation = (await accounts.pending(id)).find((pending) => pending.requestId === requestId);
  if (!reservation) throw new HttpFault(404, "reservation_not_found", "No request of this id is pending.");
  if (!force && !isOverdue(reservation, Date.now())) {
    const message = "This request is not older than requests become, and may still be running. Send force to end it.";
    throw new HttpFault(409, "reservation_not_overdue", message);
  }
  const settlement = endedBy(await end(c, id, reservation, action));
  const charge = formatCredits(settlement?.charge ?? 0);
  tellAct(c, {
    action: `reservation.${action}`,
    account: id,
    target: requestId,
    reason,
    before: { state: "pending", reserved: formatCredits(reservation.reserved), at: instant(reservation.reservedAt) },
    after: { charge, ...(force ? { force } : {}) },
  });
  return c.json({ account: id, request_id: requestId, action, charge });
}

function end(
  c: HttpContext,
  accountId: string,
  { requestId, attempt, checkpoint }: Reservation,
  action: "release" | "settle_checkpoint",
): Promise<EndReply> {
  const { accounts } = c.var.services;
  if (action === "release") return accounts.release(accountId, { requestId, attempt, outcome: BY_HAND });
  if (checkpoint === null) {
    throw new HttpFault(409, "no_checkpoint", "Nothing was seen of this request that could be charged; release it.");
  }
  const report = { usage: checkpoint, outcome: BY_HAND, estimated: true } as const;
  return accounts.settle(accountId, { requestId, attempt, report });
}

/** The settlement by this act; a request that ended by itself meanwhile keeps its own end, and nothing was done. */
function endedBy(reply: EndReply): Settlement | null {
  if (reply.kind === "released") return null;
  if (reply.kind === "ended" && reply.settlement.outcome === BY_HAND) return reply.settlement;
  throw new HttpFault(409, "reservation_ended", "The request has ended by itself meanwhile; nothing was changed.");
}
