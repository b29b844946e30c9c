import { Readable } from "node:stream";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { contentType, isStream, Upstream } from "./forward.ts";

/** Hono on Node that forwards a body with a key, and nothing else: what the platform alone costs. */
const upstream = new Upstream(process.env.UPSTREAM_URL ?? "", "sk-upstream-of-the-benchmark");
const app = new Hono();

app.post("/v1/responses", async (c) => {
  const answer = await upstream.responses(await c.req.text());
  c.header("content-type", contentType(answer));
  if (!isStream(answer)) return c.body(await answer.body.text(), answer.statusCode === 200 ? 200 : 502);
  return new Response(Readable.toWeb(answer.body), { headers: { "content-type": contentType(answer) } });
});

serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => process.send?.(port));
process.on("disconnect", () => process.exit(0));
