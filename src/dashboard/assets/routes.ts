import { Hono } from "hono";
import type { HttpEnv } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import { ICON, LIVE, STYLE } from "./files.ts";

const FILES = new Map([STYLE, LIVE, ICON].map((file) => [file.path, file]));

/** The files that pages refer to. They are the same for everybody and need no sign-in. */
export function assetRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/:name", (c) => {
    const file = FILES.get(c.req.path);
    if (!file) throw new HttpFault(404, "unknown_url", "There is no such file.");
    return c.body(file.text, 200, {
      "content-type": file.type,
      "cache-control": "public, max-age=31536000, immutable",
    });
  });
  return routes;
}
