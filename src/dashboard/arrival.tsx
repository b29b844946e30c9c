import type { HttpContext } from "../http/context.ts";
import { page } from "./page.tsx";

/**
 * Whether another site has sent the visitor, such as Stripe's page after a purchase or a link in a letter. Browsers hold
 * our cookies back from such a visit, so that it says nothing of whether the visitor is signed in.
 */
export function isFromElsewhere(c: HttpContext): boolean {
  return c.req.method === "GET" && c.req.header("sec-fetch-site") === "cross-site";
}

/** A page of ours that goes on to the address that was asked for: from here, the cookies come along. */
export function arrivalPage(c: HttpContext): Response | Promise<Response> {
  const { pathname, search } = new URL(c.req.url);
  c.header("refresh", `0; url=${pathname}${search}`);
  return page(c, {
    title: "One moment",
    children: (
      <>
        <h1>One moment</h1>
        <p>
          <a href={pathname + search}>Go on to the page</a>
        </p>
      </>
    ),
  });
}
