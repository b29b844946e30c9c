import { Hono } from "hono";

/** The yardstick: the least that a Worker can do as a proxy. It checks nothing, counts nothing and keeps nothing. */
interface BareEnv {
  readonly UPSTREAM_BASE_URL: string;
  readonly UPSTREAM_API_KEY: string;
}

const app = new Hono<{ Bindings: BareEnv }>();

app.post("/v1/responses", (c) =>
  fetch(`${c.env.UPSTREAM_BASE_URL}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${c.env.UPSTREAM_API_KEY}` },
    body: c.req.raw.body,
  }),
);

app.get("/v1/responses", (c) =>
  fetch(`${c.env.UPSTREAM_BASE_URL}/responses`, {
    headers: { upgrade: "websocket", authorization: `Bearer ${c.env.UPSTREAM_API_KEY}` },
  }),
);

export default app;
