import type { MiddlewareHandler } from "hono";
import type { HttpEnv } from "../http/context.ts";

/** Codex says who it is in `originator`; forks of it at least keep its own headers. */
export function isCodex(headers: Headers): boolean {
  return headers.get("originator")?.startsWith("codex") === true || headers.has("x-codex-window-id");
}

/**
 * Where it hears that the gateway is busy, Codex asks four times within seconds and then tells its user. A `retry-after`
 * makes it ask thirty times, each after that wait, while its user sees nothing: so it gets none.
 */
export const sparesCodexTheWait: MiddlewareHandler<HttpEnv> = async (c, next) => {
  await next();
  if (c.res.status === 503 && isCodex(c.req.raw.headers)) c.res.headers.delete("retry-after");
};
