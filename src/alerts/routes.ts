import { Hono } from "hono";
import { holderOf, openFor } from "../http/account-access.ts";
import { tellAct, tellNoAct } from "../http/admin-act.ts";
import { requireOperator } from "../http/authentication.ts";
import { readAs } from "../http/body.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { invalidCursor, pageOf } from "../http/query.ts";
import { pageWire } from "../wire/ledger.ts";
import { alertSettingsDocument } from "./body-schemas.ts";
import { endpointRoutes } from "./endpoint-routes.ts";
import { dropSettings, readSettings, type SettingsInForce, saveSettings } from "./settings.ts";
import { acknowledge, alertWire, listAlerts } from "./store.ts";

/** Whose alerts a request is about: an account's, or (`null`) the operator's own. Throws unless the caller may. */
export type Whose = (c: HttpContext, changes: boolean) => Promise<string | null>;

const accountOf: Whose = async (c, changes) => {
  const { account } = await openFor(c, await holderOf(c), changes ? "manage" : "read");
  return account.id;
};

const operatorOf: Whose = async (c) => {
  requireOperator(c);
  return c.req.query("account") ?? null;
};

/** What the holder of an account is told of, and where. */
export function alertRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.route("/alerts", listRoutes(accountOf));
  routes.route("/alert-endpoints", endpointRoutes(accountOf));
  routes.get("/alert-settings", async (c) => c.json(await shownSettings(c, await accountOf(c, false))));
  routes.put("/alert-settings", async (c) => {
    const accountId = await accountOf(c, true);
    await saveSettings(c.env.DB, accountId, await readAs(c, alertSettingsDocument), Date.now());
    return c.json(await shownSettings(c, accountId));
  });
  routes.delete("/alert-settings", async (c) => {
    const accountId = await accountOf(c, true);
    if (accountId !== null) await dropSettings(c.env.DB, accountId, Date.now());
    return c.json(await shownSettings(c, accountId));
  });
  return routes;
}

/** The same for the operator: own alerts, or with `?account=` those of an account; endpoints that hear of all accounts. */
export function alertAdminRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.route("/alerts", listRoutes(operatorOf));
  routes.route("/alert-endpoints", endpointRoutes(operatorOf));
  routes.get("/alert-settings", async (c) => c.json(await shownSettings(c, await operatorOf(c, false))));
  routes.put("/alert-settings", async (c) => {
    const account = await operatorOf(c, true);
    const wanted = await readAs(c, alertSettingsDocument);
    const before = await shownSettings(c, account);
    await saveSettings(c.env.DB, account, wanted, Date.now());
    const after = await shownSettings(c, account);
    tellAct(c, { action: "alert_settings.put", account, before, after });
    return c.json(after);
  });
  return routes;
}

async function shownSettings(c: HttpContext, accountId: string | null) {
  const { settings, from }: SettingsInForce = await readSettings(c.env.DB, accountId);
  return { ...settings, from };
}

function listRoutes(whose: Whose): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", async (c) => {
    const accountId = await whose(c, false);
    const page = await listAlerts(c.env.DB, { ...pageOf(c), accountId, open: isOpenAsked(c) });
    if (!page) throw invalidCursor();
    return c.json(pageWire(page, alertWire));
  });
  routes.post("/acknowledge", async (c) => {
    return c.json({ acknowledged: await acknowledged(c, await whose(c, true), null) });
  });
  routes.post("/:id/acknowledge", async (c) => {
    return c.json({ acknowledged: await acknowledged(c, await whose(c, true), c.req.param("id")) });
  });
  return routes;
}

/** Marks one alert or (`null`) all as seen. What was seen before is no act. */
async function acknowledged(c: HttpContext, account: string | null, id: string | null): Promise<number> {
  const seen = await acknowledge(c.env.DB, account, id, Date.now());
  if (seen === 0) tellNoAct(c);
  else tellAct(c, { action: "alert.acknowledge", account, ...(id === null ? {} : { target: id }), after: { seen } });
  return seen;
}

function isOpenAsked(c: HttpContext): boolean {
  const asked = c.req.query("acknowledged");
  if (asked !== undefined && asked !== "false") {
    throw new HttpFault(
      400,
      "invalid_request",
      "acknowledged: false leaves out what was acknowledged; nothing else is known",
    );
  }
  return asked === "false";
}
