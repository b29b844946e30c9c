import { Hono } from "hono";
import { tellAct } from "../http/admin-act.ts";
import { readAs } from "../http/body.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { type Alert, alertIdOf } from "./alert.ts";
import { newEndpoint } from "./body-schemas.ts";
import { dropDeliveries } from "./deliveries.ts";
import {
  addEndpoint,
  ENDPOINTS_MOST,
  type Endpoint,
  endpointWire,
  findEndpoint,
  listEndpoints,
  removeEndpoint,
  rotateSecret,
  secretOf,
} from "./endpoints.ts";
import { deliverAll, raising } from "./raise.ts";
import type { Whose } from "./routes.ts";

/** Where alerts are sent. A secret is shown once: when it is made. */
export function endpointRoutes(whose: Whose): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", async (c) => {
    const endpoints = await listEndpoints(c.env.DB, await whose(c, false));
    return c.json({ data: endpoints.map(endpointWire), has_more: false, next_cursor: null });
  });
  routes.post("/", async (c) => {
    const accountId = await whose(c, true);
    const endpoint = await addEndpoint(c.env.DB, accountId, await readAs(c, newEndpoint), Date.now());
    if (!endpoint) throw new HttpFault(409, "too_many_endpoints", `There may be ${ENDPOINTS_MOST} endpoints at most.`);
    tellOf(c, "create", endpoint, { rules: endpoint.rules });
    return c.json(withSecret(c, endpoint), 201);
  });
  routes.delete("/:id", async (c) => {
    const endpoint = await existing(c, whose);
    const { id } = endpoint;
    await removeEndpoint(c.env.DB, id);
    await dropDeliveries(c.env.DB, id, Date.now());
    tellOf(c, "delete", endpoint);
    return c.json({ id, deleted: true });
  });
  routes.post("/:id/rotate", async (c) => {
    const rotated = await rotateSecret(c.env.DB, await existing(c, whose), Date.now());
    tellOf(c, "rotate", rotated, { secret_version: rotated.secretVersion });
    return c.json(withSecret(c, rotated));
  });
  routes.post("/:id/test", async (c) => {
    const endpoint = await existing(c, whose);
    const id = await sendTest(c, endpoint);
    tellOf(c, "test", endpoint, { alert: id });
    return c.json({ id, sent: true }, 202);
  });
  return routes;
}

/** Tells the log, where an operator asks. Of the address only the host: what follows it is often a secret itself. */
function tellOf(c: HttpContext, verb: "create" | "delete" | "rotate" | "test", endpoint: Endpoint, after = {}): void {
  const { id, accountId, url } = endpoint;
  const what = { host: new URL(url).host, ...after };
  const states = verb === "delete" ? { before: what } : { after: what };
  tellAct(c, { action: `alert_endpoint.${verb}`, account: accountId, target: id, ...states });
}

function withSecret(c: HttpContext, endpoint: Endpoint) {
  const secret = secretOf(endpoint, endpoint.secretVersion, c.var.services.config.keySecret);
  return { ...endpointWire(endpoint), secret };
}

async function existing(c: HttpContext, whose: Whose): Promise<Endpoint> {
  const endpoint = await findEndpoint(c.env.DB, await whose(c, true), c.req.param("id") ?? "");
  if (!endpoint) throw new HttpFault(404, "endpoint_not_found", "There is no such endpoint.");
  return endpoint;
}

/** Every endpoint is sent one test in such a time: the address may be anybody's, and the gateway is no hammer. */
const TEST_MS = 5_000;

/** Sends an alert that says nothing, to this endpoint alone. */
async function sendTest(c: HttpContext, { id, accountId }: Endpoint): Promise<string> {
  const { DB: db, ALERT_QUEUE: queue } = c.env;
  const now = Date.now();
  const slot = Math.floor(now / TEST_MS);
  const message = "This is a test: alerts reach you here.";
  const alert: Alert = { rule: "test", accountId, instance: `${id}|${slot}`, message, data: { endpoint: id } };
  const [raised] = await db.batch(raising(db, alert, now, null, id));
  if (raised?.meta.changes === 0) throw testedAlready((slot + 1) * TEST_MS - now);
  await deliverAll(db, queue, [alertIdOf(alert)]);
  return alertIdOf(alert);
}

function testedAlready(waitMs: number): HttpFault {
  const wait = { "retry-after": String(Math.ceil(waitMs / 1_000)) };
  return new HttpFault(
    429,
    "tested_already",
    "A test is on its way to this endpoint. Try again in a few seconds.",
    wait,
  );
}
