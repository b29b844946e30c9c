import { Hono } from "hono";
import { readAccount } from "../catalog/read.ts";
import { tellAct } from "../http/admin-act.ts";
import { readAs } from "../http/body.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { invalidCursor, pageOf } from "../http/query.ts";
import { listQuarantine, type QuarantinedMessage, redrive } from "../ledger/quarantine.ts";
import { type ReconcileDeps, reconcileAccount, reconcileAll } from "../ledger/reconcile.ts";
import { latestReconciliation } from "../ledger/reconciliations.ts";
import { reconcileDeps } from "../upkeep/reconciliation.ts";
import { instant } from "../wire/time.ts";
import { reconciliationRequest } from "./schemas.ts";

export function reconciliationRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.post("/", async (c) => {
    const { account } = await readAs(c, reconciliationRequest);
    const deps = reconcileDeps(c.var.services);
    tellAct(c, { action: "ledger.reconcile", ...(account ? { account } : {}) });
    if (!account)
      return c.req.header("accept") === NDJSON ? c.body(progress(c, deps), ndjson()) : c.json(await reconcileAll(deps));
    if (!(await readAccount(c.env.DB, account))) {
      throw new HttpFault(404, "account_not_found", "There is no such account.");
    }
    return c.json(await reconcileAccount(deps, account));
  });
  routes.get("/latest", async (c) => {
    const latest = await latestReconciliation(c.env.DB);
    if (!latest) throw new HttpFault(404, "no_reconciliation", "Nothing was reconciled yet.");
    return c.json(latest);
  });
  return routes;
}

const NDJSON = "application/x-ndjson";

function ndjson() {
  return { headers: { "content-type": NDJSON } };
}

/**
 * A reconciliation of all accounts as it goes: a line for each account, and the result as the last line. It goes on when
 * nobody listens any more, since what it finds is acted upon.
 */
function progress(c: HttpContext, deps: ReconcileDeps): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const lines = new TransformStream<unknown, Uint8Array>({
    transform: (line, controller) => controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`)),
  });
  const writer = lines.writable.getWriter();
  const tell = (line: unknown) => void writer.write(line).catch(() => undefined);
  const work = reconcileAll(deps, (account, differences) => tell({ account, differences })).then(
    (result) => {
      tell(result);
      return writer.close();
    },
    (error: unknown) => writer.abort(error),
  );
  c.executionCtx.waitUntil(work.catch(() => undefined));
  return lines.readable;
}

export function quarantineRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", async (c) => {
    const page = await listQuarantine(c.env.DB, pageOf(c));
    if (!page) throw invalidCursor();
    const data = page.data.map(quarantinedWire);
    return c.json({ data, has_more: page.nextCursor !== null, next_cursor: page.nextCursor });
  });
  routes.post("/:id/redrive", async (c) => {
    const send = async (body: unknown) => {
      await (c.env.LEDGER_QUEUE as Queue<unknown>).send(body, { contentType: "json" });
    };
    const outcome = await redrive({ db: c.env.DB, send, now: () => Date.now() }, c.req.param("id"));
    if (outcome === "unknown") throw new HttpFault(404, "not_in_quarantine", "There is no such message in quarantine.");
    tellAct(c, { action: "quarantine.redrive", target: c.req.param("id") });
    return c.json({ id: c.req.param("id"), redriven: true }, 202);
  });
  return routes;
}

function quarantinedWire(message: QuarantinedMessage) {
  return {
    id: message.id,
    account: message.accountId,
    reason: message.reason,
    first_seen_at: instant(message.firstSeenAt),
    count: message.count,
    redriven_at: instant(message.redrivenAt),
    body: message.body,
  };
}
