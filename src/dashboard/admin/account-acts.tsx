import { Hono } from "hono";
import type { HttpContext, HttpEnv } from "../../http/context.ts";
import { textOf } from "../fields.tsx";
import { type SeenAccount, seenAccount } from "./account-frame.tsx";
import { accountOverview } from "./account-overview.tsx";
import { accountPath } from "./accounts.tsx";
import type { AdminApi, ApiAct } from "./api.ts";
import { reasonOf } from "./fields.tsx";
import { readOperatorForm } from "./operator.ts";

/** What the forms of an account's page do, each by the admin API. */
export function accountActs(api: AdminApi): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.post("/accounts/:id/grants", (c) => follow(c, api, "granted", grant));
  routes.post("/accounts/:id/grants/:grant/void", (c) => follow(c, api, "voided", voidGrant));
  routes.post("/accounts/:id/refunds", (c) => follow(c, api, "refunded", refund));
  routes.post("/accounts/:id/plan", (c) => follow(c, api, "moved", changePlan));
  routes.post("/accounts/:id/suspend", (c) => follow(c, api, "suspended", statusChange("suspended")));
  routes.post("/accounts/:id/activate", (c) => follow(c, api, "active", statusChange("active")));
  routes.post("/accounts/:id/reservations/:request/resolve", (c) => {
    return follow(c, api, "ended", resolveReservation);
  });
  return routes;
}

type Act = ApiAct & { readonly reason: string };

/** Reads a form into an act on the account at `path`. */
type ActOf = (c: HttpContext, form: URLSearchParams, path: string) => Act;

/** Does what a form asks for and leads back to the account, or shows there why it was refused. */
async function follow(c: HttpContext, api: AdminApi, done: string, actOf: ActOf): Promise<Response> {
  const seen = await seenAccount(c);
  const form = await readOperatorForm(c, seen.operator);
  const outcome = await api.act(c, seen.operator, actOf(c, form, pathOf(seen)));
  if (outcome.done) return c.redirect(`${accountPath(seen.id)}?done=${done}`, 303);
  return accountOverview(c, seen, { tone: "wrong", text: outcome.text }, outcome.status);
}

function pathOf({ id }: SeenAccount): string {
  return `/accounts/${encodeURIComponent(id)}`;
}

function grant(_: HttpContext, form: URLSearchParams, path: string): Act {
  const reason = reasonOf(form);
  const [expires, priority] = [textOf(form, "expires_at"), textOf(form, "priority")];
  const body = {
    amount: textOf(form, "amount"),
    kind: textOf(form, "kind"),
    // What the form calls UTC has no zone in a browser's words.
    expires_at: expires === undefined ? undefined : `${expires}${/:\d\d:\d\d/.test(expires) ? "" : ":00"}Z`,
    priority: priority === undefined ? undefined : Number(priority),
    reason,
  };
  return { method: "POST", path: `${path}/grants`, body, reason, idempotencyKey: orderOf(form) };
}

function voidGrant(c: HttpContext, form: URLSearchParams, path: string): Act {
  const reason = reasonOf(form);
  const grant = encodeURIComponent(c.req.param("grant") ?? "");
  return { method: "DELETE", path: `${path}/grants/${grant}`, body: { reason }, reason };
}

function refund(_: HttpContext, form: URLSearchParams, path: string): Act {
  const reason = reasonOf(form);
  const body = { request_id: textOf(form, "request_id"), amount: textOf(form, "amount"), reason };
  return { method: "POST", path: `${path}/refunds`, body, reason, idempotencyKey: orderOf(form) };
}

function changePlan(_: HttpContext, form: URLSearchParams, path: string): Act {
  const reason = reasonOf(form);
  return { method: "PATCH", path, body: { plan: textOf(form, "plan"), reason }, reason };
}

function statusChange(status: "active" | "suspended"): ActOf {
  return (_, form, path) => {
    const reason = reasonOf(form);
    return { method: "PATCH", path, body: { status, reason }, reason };
  };
}

function resolveReservation(c: HttpContext, form: URLSearchParams, path: string): Act {
  const reason = reasonOf(form);
  const body = { action: textOf(form, "action"), reason, force: form.get("force") === "true" };
  const request = encodeURIComponent(c.req.param("request") ?? "");
  return { method: "POST", path: `${path}/reservations/${request}/resolve`, body, reason };
}

/** An order without a number is an order of its own, which the API refuses. */
function orderOf(form: URLSearchParams): string {
  return form.get("order") ?? "";
}
