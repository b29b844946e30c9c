import type { MiddlewareHandler } from "hono";
import { csrf } from "hono/csrf";
import { secureHeaders } from "hono/secure-headers";
import type { HttpEnv } from "../http/context.ts";

/**
 * What every page carries: nothing inline runs, nothing is loaded from elsewhere, nobody frames it, and no cache keeps
 * it. An asset says itself how long it may be kept.
 */
export function pageHeaders(): MiddlewareHandler<HttpEnv> {
  const secure = secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      styleSrc: ["'self'"],
      scriptSrc: ["'self'"],
      imgSrc: ["'self'"],
      connectSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
    // Not "no-referrer": a form's origin would then be hidden from us as well.
    referrerPolicy: "same-origin",
    xFrameOptions: "DENY",
    crossOriginOpenerPolicy: "same-origin",
    crossOriginResourcePolicy: "same-origin",
    permissionsPolicy: { camera: [], geolocation: [], microphone: [], payment: [], usb: [] },
  });
  return async (c, next) => {
    await secure(c, next);
    if (!c.res.headers.has("cache-control")) c.header("cache-control", "private, no-store");
  };
}

/** Where the platform's own pages send their users with a token: the one form that may come from elsewhere. */
const TOKEN_SIGN_IN = "/dashboard/sign-in/token";

/**
 * Refuses a form that another site sends. Browsers tell the origin of every such request; the forms of a session carry
 * its token as well.
 */
export function sameOriginForms(): MiddlewareHandler<HttpEnv> {
  const own = csrf();
  return async (c, next) => {
    const origins = c.req.path === TOKEN_SIGN_IN ? (c.var.services.config.token?.origins ?? []) : [];
    return origins.includes(c.req.header("origin") ?? "") ? next() : own(c, next);
  };
}
