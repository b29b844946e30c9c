import { Hono } from "hono";
import { html } from "hono/html";
import { secureHeaders } from "hono/secure-headers";
import type { HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { sha256Hex } from "../sha256.ts";
import { openApiDocument } from "./document.ts";
import type { OpenApiDocument } from "./format.ts";
import style from "./page/docs.css";
import { DocsPage } from "./page/docs-page.tsx";

/** The document is made when it is first asked for, once for each isolate. */
let made: { readonly document: OpenApiDocument; readonly json: string; readonly etag: string } | null = null;

function documents() {
  if (made === null) {
    const document = openApiDocument();
    const json = JSON.stringify(document);
    made = { document, json, etag: `"${sha256Hex(json).slice(0, 24)}"` };
  }
  return made;
}

const STYLE_PATH = `/docs/style.${sha256Hex(style).slice(0, 12)}.css`;

/** What is known of the API, for programs and for people. It is the same for everybody and needs no key. */
export function documentRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/openapi.json", (c) => {
    const { json, etag } = documents();
    const headers = {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "public, max-age=300",
      "access-control-allow-origin": "*",
      etag,
    };
    return c.req.header("if-none-match") === etag ? c.body(null, 304, headers) : c.body(json, 200, headers);
  });
  routes.get("/docs", pageHeaders(), (c) => {
    const { origin } = new URL(c.req.url);
    const page = <DocsPage document={documents().document} origin={origin} stylePath={STYLE_PATH} />;
    c.header("cache-control", "public, max-age=300");
    return c.html(html`<!doctype html>
${page}`);
  });
  routes.get("/docs/:file", pageHeaders(), (c) => {
    if (c.req.path !== STYLE_PATH) throw new HttpFault(404, "unknown_url", "There is no such file.");
    const headers = {
      "content-type": "text/css; charset=utf-8",
      "cache-control": "public, max-age=31536000, immutable",
    };
    return c.body(style, 200, headers);
  });
  return routes;
}

/** No script runs, nothing is loaded from elsewhere, nobody frames the page. */
function pageHeaders() {
  return secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      styleSrc: ["'self'"],
      imgSrc: ["data:"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
    referrerPolicy: "no-referrer",
    xFrameOptions: "DENY",
    crossOriginOpenerPolicy: "same-origin",
    crossOriginResourcePolicy: "same-origin",
  });
}
