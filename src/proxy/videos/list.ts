import type { Resource } from "../../core/resource.ts";
import { identify, keyRefusal } from "../../http/authentication.ts";
import type { HttpContext } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import { followingPlan, planChanging } from "../../http/follow-plan.ts";
import type { JsonObject } from "../../protocol/adapter.ts";
import { parseData } from "../../protocol/sse.ts";
import { videoList } from "../../protocol/videos/video-object.ts";
import { depsOf } from "../gateway-deps.ts";
import { endJob } from "../jobs/end-job.ts";
import { endOfVideo, videoJob } from "../jobs/video-job.ts";
import type { GatewayDeps } from "../journey.ts";
import { reach } from "../reach.ts";
import { readWhole } from "../whole-body.ts";
import { shownVideo } from "./video-record.ts";

const LIMIT_USUAL = 20;
const LIMIT_MOST = 100;
/** Videos that are asked after at the same time. */
const AT_ONCE = 6;

/**
 * The caller's own videos, from the account's own record: upstream's list would show everybody's. Those that were not
 * seen to have ended are asked after.
 */
export async function listVideos(c: HttpContext): Promise<Response> {
  const { accountId, key } = identify(c);
  const deps = depsOf(c);
  const catalog = await deps.catalog();
  const caller = { key, planVersions: catalog.planVersions() };
  const query = { kind: "video", limit: limitOf(c), after: c.req.query("after") ?? null, order: orderOf(c) } as const;
  const reply = await followingPlan(deps.accounts, catalog, accountId, () =>
    deps.accounts.resources(accountId, caller, query),
  );
  switch (reply.kind) {
    case "key_refused":
      throw keyRefusal(reply);
    case "plan_outdated":
      throw planChanging();
    case "unknown_reference":
      throw new HttpFault(400, "invalid_value", "after: there is no such video in this account.");
    case "resources": {
      const data: JsonObject[] = [];
      for (let from = 0; from < reply.resources.length; from += AT_ONCE) {
        const some = reply.resources.slice(from, from + AT_ONCE);
        data.push(...(await Promise.all(some.map((video) => present(deps, accountId, video, c.var.requestId)))));
      }
      return c.json(videoList(data, { hasMore: reply.hasMore }));
    }
  }
}

/** A video as it is now; as it was last seen where that was its end, or where upstream cannot be asked. */
async function present(
  deps: GatewayDeps,
  accountId: string,
  resource: Resource,
  requestId: string,
): Promise<JsonObject> {
  const seen = shownVideo(resource.id, resource.details);
  if (seen.status === "completed") return seen;
  const reached = await reach(deps, {
    resource,
    method: "GET",
    path: videoJob.path(resource.id),
    search: "",
    from: new Headers(),
    requestId,
    streamed: false,
  });
  if (reached.kind === "failed") return seen;
  const text = await readWhole(reached.call);
  const video = text === null || !reached.call.response.ok ? null : parseData(text);
  if (!video) return seen;
  if (resource.job !== null) await endJob(deps.accounts, accountId, resource, endOfVideo(video, resource));
  return video;
}

function limitOf(c: HttpContext): number {
  const text = c.req.query("limit");
  const limit = text === undefined ? LIMIT_USUAL : Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= LIMIT_MOST) return limit;
  throw new HttpFault(400, "invalid_value", `limit is a whole number from 1 to ${LIMIT_MOST}.`);
}

function orderOf(c: HttpContext): "asc" | "desc" {
  const order = c.req.query("order") ?? "desc";
  if (order === "asc" || order === "desc") return order;
  throw new HttpFault(400, "invalid_value", "order is asc or desc.");
}
