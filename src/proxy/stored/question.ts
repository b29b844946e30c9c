import type { HttpContext } from "../../http/context.ts";
import type { JobKind } from "../jobs/job-kind.ts";
import { passedQuery } from "../metered-route.ts";
import type { Question } from "../reach.ts";
import type { Owned } from "./own-resource.ts";

/** What a caller asks of something of the caller's own: `below` is added to its path, `query` names what may pass. */
export function questionOf(
  c: HttpContext,
  kind: JobKind,
  { resource }: Owned,
  method: Question["method"],
  below: string,
  query: readonly string[],
): Question {
  return {
    resource,
    method,
    path: kind.path(resource.id) + below,
    search: passedQuery(c, query),
    from: c.req.raw.headers,
    requestId: c.var.requestId,
    streamed: c.req.query("stream") === "true",
  };
}
