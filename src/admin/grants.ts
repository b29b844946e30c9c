import { formatCredits } from "../core/amount.ts";
import { tellAct } from "../http/admin-act.ts";
import { readAs } from "../http/body.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { isIdempotencyKey } from "../http/request-id.ts";
import { sha256Hex } from "../sha256.ts";
import { grantWire } from "../wire/account.ts";
import { instant } from "../wire/time.ts";
import { existing } from "./existing-account.ts";
import { newGrant, newRefund, voiding } from "./schemas.ts";

/** Money that an operator moves by hand. Each needs a reason; what may be repeated needs an `Idempotency-Key`. */
export async function grant(c: HttpContext): Promise<Response> {
  const { id } = await existing(c);
  const idempotencyKey = idempotencyKeyOf(c);
  const body = await readAs(c, newGrant);
  const reply = await c.var.services.accounts.grant(id, {
    id: `grt_${sha256Hex(`grant|${id}|${idempotencyKey}`).slice(0, 32)}`,
    kind: body.kind,
    amount: body.amount,
    priority: body.priority,
    effectiveAt: body.effective_at ?? Date.now(),
    expiresAt: body.expires_at ?? null,
    features: body.features ?? null,
    reason: body.reason,
  });
  if (reply.kind === "mismatch") {
    throw new HttpFault(422, "idempotency_key_reused", "This Idempotency-Key was used for a grant with other terms.");
  }
  if (reply.kind === "expired") throw new HttpFault(400, "invalid_request", "expires_at: must be in the future");
  if (reply.kind === "too_large") throw new HttpFault(422, "balance_too_large", "An account cannot hold that much.");
  if (reply.kind === "no_account") throw new HttpFault(409, "account_incomplete", "Create the account again first.");
  const given = grantWire({ ...reply.grant, reserved: 0 });
  const { kind, amount, priority, expires_at } = given;
  tellAct(c, {
    action: "grant.create",
    account: id,
    target: given.id,
    reason: body.reason,
    after: { kind, amount, priority, expires_at, ...repeated(reply.created) },
  });
  return c.json(given, 201);
}

/** Takes away what is left of a grant; what requests hold of it is taken when they end. */
export async function voidGrant(c: HttpContext): Promise<Response> {
  const { id } = await existing(c);
  const { reason } = await readAs(c, voiding);
  const reply = await c.var.services.accounts.voidGrant(id, c.req.param("grant") ?? "", reason);
  if (!reply) throw new HttpFault(404, "grant_not_found", "There is no such grant in this account.");
  const { grant } = reply;
  const voided = grantWire({ ...grant, reserved: grant.amount - grant.used - grant.lapsed });
  const { kind, amount, used, reserved, expired } = voided;
  tellAct(c, {
    action: "grant.void",
    account: id,
    target: grant.id,
    reason,
    after: { kind, amount, used, reserved, taken_away: expired },
  });
  return c.json(voided);
}

/** The same order that was sent again has changed nothing, and is logged as that. */
function repeated(created: boolean): { repeated?: true } {
  return created ? {} : { repeated: true };
}

/** Gives credits of a request's charge back to the grants that paid it. */
export async function refund(c: HttpContext): Promise<Response> {
  const { id } = await existing(c);
  const idempotencyKey = idempotencyKeyOf(c);
  const body = await readAs(c, newRefund);
  const reply = await c.var.services.accounts.refund(id, {
    id: `ref_${sha256Hex(`refund|${id}|${idempotencyKey}`).slice(0, 32)}`,
    requestId: body.request_id,
    amount: body.amount ?? null,
    reason: body.reason,
  });
  switch (reply.kind) {
    case "refunded": {
      const { refund } = reply;
      const shown = { id: refund.id, request_id: body.request_id, amount: formatCredits(refund.amount) };
      tellAct(c, {
        action: "refund.create",
        account: id,
        target: body.request_id,
        reason: refund.reason,
        after: { id: refund.id, amount: shown.amount, ...repeated(reply.created) },
      });
      return c.json({ ...shown, reason: refund.reason, at: instant(refund.at) }, 201);
    }
    case "too_much": {
      const message =
        reply.refundable === 0
          ? "No credits of this request are left to refund: included use paid it, or they were given back already."
          : `At most ${formatCredits(reply.refundable)} credits of this request can still be refunded.`;
      throw new HttpFault(422, "refund_too_large", message);
    }
    case "unknown": {
      const message = "No ended request of this id is kept in this account. Older ones are made good by a grant.";
      throw new HttpFault(404, "request_not_found", message);
    }
    case "mismatch":
      throw new HttpFault(
        422,
        "idempotency_key_reused",
        "This Idempotency-Key was used for a refund of another amount.",
      );
  }
}

function idempotencyKeyOf(c: HttpContext): string {
  const key = c.req.header("idempotency-key");
  if (key !== undefined && isIdempotencyKey(key)) return key;
  const message = "Send an Idempotency-Key (1 to 255 visible ASCII characters), so that a retry counts once.";
  throw new HttpFault(400, "idempotency_key_required", message);
}
