import { Hono } from "hono";
import { describeFaults } from "../catalog/document.ts";
import { listUpstreams, UPSTREAM_CURSOR } from "../catalog/list.ts";
import { previewUpstream } from "../catalog/preview.ts";
import type { Upstream } from "../catalog/upstream.ts";
import { readUpstreamDocument } from "../catalog/upstream-document.ts";
import { deleteUpstream, putUpstream } from "../catalog/write.ts";
import { type Env, upstreamKey } from "../env.ts";
import { tellAct } from "../http/admin-act.ts";
import { readBody } from "../http/body.ts";
import type { HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { pageOf } from "../http/query.ts";
import { instant } from "../wire/time.ts";
import { nameOf } from "./name.ts";
import { isDryRun, previewWire, tellPut } from "./preview.ts";

/** Where requests are sent. Of a key, only whether its secret is set is ever told. */
export function upstreamAdminRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", async (c) => {
    const { data, ...page } = await listUpstreams(c.env.DB, pageOf(c, UPSTREAM_CURSOR));
    const environment = environmentWire(c.env, c.var.services.config.upstream);
    return c.json({
      data: data.map((upstream) => ({ ...upstream, ...keyWire(c.env, upstream) })),
      ...page,
      environment,
    });
  });
  routes.put("/:id", async (c) => {
    const id = nameOf(c);
    const parsed = readUpstreamDocument(id, await readBody(c));
    if (!parsed.ok) throw new HttpFault(400, "invalid_upstream", describeFaults(parsed.faults));
    const preview = await previewUpstream(c.env.DB, id, parsed.document);
    if (isDryRun(c)) return c.json({ id, ...previewWire(c, preview), document: parsed.document });
    const { createdAt, updatedAt } = await putUpstream(c.env.DB, id, parsed.document, Date.now());
    c.var.services.catalog.drop();
    tellPut(c, "upstream.put", id, preview, null);
    const instants = { created_at: instant(createdAt), updated_at: instant(updatedAt) };
    return c.json({ id, ...instants, ...parsed.document, ...keyWire(c.env, parsed.document) });
  });
  routes.delete("/:id", async (c) => {
    const id = nameOf(c);
    const known = await deleteUpstream(c.env.DB, id);
    if (!known) throw new HttpFault(404, "upstream_not_found", "There is no such upstream.");
    c.var.services.catalog.drop();
    tellAct(c, { action: "upstream.delete", target: id });
    return c.json({ id, deleted: true });
  });
  return routes;
}

function keyWire(env: Env, { key_secret }: { readonly key_secret: string }): { key_set: boolean } {
  return { key_set: upstreamKey(env, key_secret) !== null };
}

/** The upstream of the environment's variables, which a document of its id replaces. */
function environmentWire(env: Env, { id, baseUrl, keySecret, websocket, patience }: Upstream) {
  return {
    id,
    base_url: baseUrl,
    key_secret: keySecret,
    websocket,
    first_byte_ms: patience.firstByteMs,
    idle_ms: patience.idleMs,
    ...keyWire(env, { key_secret: keySecret }),
  };
}
