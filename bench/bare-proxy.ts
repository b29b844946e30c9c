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

/** The least that a Worker can do that sees the frames: each is handed on by a script, unread. */
app.get("/v1/handed-on", async (c) => {
  const { webSocket: upstream } = await fetch(`${c.env.UPSTREAM_BASE_URL}/responses`, {
    headers: { upgrade: "websocket", authorization: `Bearer ${c.env.UPSTREAM_API_KEY}` },
  });
  if (!upstream) return c.text("The upstream speaks no WebSocket.", 502);
  const { 0: client, 1: server } = new WebSocketPair();
  handOn(upstream, server);
  handOn(server, upstream);
  return new Response(null, { status: 101, webSocket: client });
});

function handOn(from: WebSocket, to: WebSocket): void {
  from.accept();
  from.addEventListener("message", ({ data }) => to.send(data));
  from.addEventListener("close", () => to.close());
}

export default app;
