import { Hono, type MiddlewareHandler } from "hono";
import { v7 } from "uuid";
import { ADMIN_LOG_CURSOR, type AdminLogEntry, addToAdminLog, listAdminLog } from "../catalog/admin-log.ts";
import { isActorName } from "../http/actor.ts";
import { type AdminAct, toldAct } from "../http/admin-act.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { pageOf } from "../http/query.ts";
import { rootOf } from "../ledger/failure.ts";

const LOOKING = new Set(["GET", "HEAD", "OPTIONS"]);
/** Set on the answer to an action that was done and could not be logged. */
const UNLOGGED_HEADER = "x-spillway-admin-log";

/**
 * Logs every action that succeeded, or a part of which did, with who, why and what. An action of which its handler says nothing is logged by its
 * route, so that none escapes. Who and why are checked before anything is done.
 */
export function loggedActs(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    if (LOOKING.has(c.req.method)) return next();
    const actor = actorOf(c);
    const reason = reasonOf(c);
    await next();
    const act = toldAct(c);
    if (act === null || !(c.res.ok || act?.unfinished)) return;
    const { account, target, before, after, ...said }: AdminAct = act ?? { action: `${c.req.method} ${c.req.path}` };
    await keep(c, {
      id: `adm_${v7().replaceAll("-", "")}`,
      at: Date.now(),
      actor,
      action: said.action,
      accountId: account ?? null,
      target: target ?? null,
      reason: said.reason ?? reason,
      before: before ?? null,
      after: said.unfinished ? { ...(after as object), unfinished: true } : (after ?? null),
      requestId: c.var.requestId,
    });
  };
}

/** The action is done and cannot be undone by a log that fails: the answer says so, and so does the gateway's own log. */
async function keep(c: HttpContext, entry: AdminLogEntry): Promise<void> {
  try {
    await addToAdminLog(c.env.DB, entry);
  } catch (error) {
    console.error(JSON.stringify({ event: "admin_act_unlogged", ...entry, message: String(rootOf(error)) }));
    c.header(UNLOGGED_HEADER, "missing");
  }
}

const ACTOR_HEADER = "x-spillway-actor";
const UNNAMED = "operator";

/** Who acts, as they say themselves: all operators have the same token. Beyond ASCII the name is percent-encoded. */
function actorOf(c: HttpContext): string {
  const given = c.req.header(ACTOR_HEADER);
  if (given === undefined) return UNNAMED;
  const actor = decoded(given);
  if (!isActorName(actor)) throw new HttpFault(400, "invalid_actor", `${ACTOR_HEADER} is 1 to 100 visible characters.`);
  return actor;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const REASON_LENGTH = 500;

/** `?reason=`, for requests whose body is a document or nothing; a `reason` in the body is the handler's to tell. */
function reasonOf(c: HttpContext): string | null {
  const reason = c.req.query("reason")?.trim() ?? "";
  if (reason.length > REASON_LENGTH) {
    throw new HttpFault(400, "invalid_reason", `reason has at most ${REASON_LENGTH} characters.`);
  }
  return reason === "" ? null : reason;
}

export function adminLogRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", async (c) => {
    const page = pageOf(c, ADMIN_LOG_CURSOR);
    return c.json(await listAdminLog(c.env.DB, { ...page, account: c.req.query("account") ?? null }));
  });
  return routes;
}
