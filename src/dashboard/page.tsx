import { html } from "hono/html";
import type { HttpContext } from "../http/context.ts";
import { Layout, type LayoutProps } from "./layout.tsx";

type PageStatus = 200 | 201 | 400 | 401 | 403 | 404 | 405 | 408 | 409 | 413 | 415 | 422 | 426 | 429 | 500 | 503;

/** Answers with a whole page. Everything in it is escaped: nothing that is shown can be markup. */
export function page(c: HttpContext, props: LayoutProps, status: PageStatus = 200): Response | Promise<Response> {
  const document = html`<!doctype html>
${<Layout {...props} />}`;
  return c.html(document, status);
}
