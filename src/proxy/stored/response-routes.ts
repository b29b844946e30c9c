import { Hono } from "hono";
import type { HttpContext, HttpEnv } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import { storedResponseMeter } from "../../protocol/stored-response.ts";
import { toldAnswer, toldEvents } from "../../protocol/told-answer.ts";
import { depsOf } from "../gateway-deps.ts";
import { endJob } from "../jobs/end-job.ts";
import { lookAt } from "../jobs/poll.ts";
import { endOfReading, responseJob } from "../jobs/response-job.ts";
import { reach } from "../reach.ts";
import { relay } from "../relay.ts";
import type { UpstreamCall } from "../upstream.ts";
import { freeHeaders, passWhole } from "./answer.ts";
import { type Owned, ownResource } from "./own-resource.ts";
import { questionOf } from "./question.ts";

/** Parts of a stored response that a reader may ask for. */
const READING = ["include", "include[]", "stream", "starting_after", "include_obfuscation", "beta"];
const LISTING = ["after", "before", "limit", "order", "include", "include[]", "beta"];

/**
 * What can be done with a response that upstream keeps: reading, cancelling and deleting cost nothing and work without
 * credits. Only the account that made it finds it. Where it is still under way, whoever sees its end first settles it.
 */
export function storedResponseRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/:id", async (c) => retrieve(c, await ownResource(c, "response")));
  routes.delete("/:id", async (c) => remove(c, await ownResource(c, "response")));
  routes.post("/:id/cancel", async (c) => cancel(c, await ownResource(c, "response")));
  routes.get("/:id/input_items", async (c) => {
    const owned = await ownResource(c, "response");
    const reached = await reach(depsOf(c), questionOf(c, responseJob, owned, "GET", "/input_items", LISTING));
    return passWhole(reached, c.var.requestId);
  });
  return routes;
}

async function retrieve(c: HttpContext, owned: Owned): Promise<Response> {
  const reached = await reach(depsOf(c), questionOf(c, responseJob, owned, "GET", "", READING));
  if (reached.kind === "reached") {
    const { response } = reached.call;
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
    if (response.ok && isStream && response.body) return resume(c, owned, reached.call, response.body);
  }
  return passWhole(reached, c.var.requestId, (text) => observe(c, owned, text), toldAnswer);
}

/** A stream that is taken up again shows the same answer once more: it is settled by it, or was settled before. */
function resume(
  c: HttpContext,
  { accountId, resource }: Owned,
  call: UpstreamCall,
  body: ReadableStream<Uint8Array>,
): Response {
  const { accounts, waitUntil } = depsOf(c);
  const nothing = async (): Promise<void> => undefined;
  const relayed = relay(body, {
    meter: storedResponseMeter(),
    rewriter: toldEvents(),
    keepAlive: null,
    secret: call.secret,
    cut: call.cut,
    watchdog: call.watchdog,
    onProgress: nothing,
    onClientGone: nothing,
  });
  const settled = relayed.ended.then(({ reading }) =>
    resource.job === null ? undefined : endJob(accounts, accountId, resource, endOfReading(reading, resource)),
  );
  waitUntil(settled);
  return new Response(relayed.readable, { headers: freeHeaders(call.response, c.var.requestId) });
}

async function cancel(c: HttpContext, owned: Owned): Promise<Response> {
  const reached = await reach(depsOf(c), questionOf(c, responseJob, owned, "POST", "/cancel", []));
  return passWhole(reached, c.var.requestId, (text) => observe(c, owned, text), toldAnswer);
}

/**
 * A response that is under way is cancelled first: what it has used until then must not vanish with it. One that has ended
 * unseen is looked at before, since upstream refuses to cancel it.
 */
async function remove(c: HttpContext, owned: Owned): Promise<Response> {
  const { accountId, resource } = owned;
  const deps = depsOf(c);
  const { accounts } = deps;
  const isOpen = async (): Promise<boolean> => (await lookAt(deps, accountId, resource, c.var.requestId)) === "open";
  if (resource.job !== null && (await isOpen())) {
    const cancelled = await cancel(c, owned);
    // It may have ended between the two.
    if (!cancelled.ok && (await isOpen())) return cancelled;
    const now = await ownResource(c, "response");
    if (now.resource.job !== null) {
      throw new HttpFault(
        409,
        "response_in_progress",
        "The response is still being made; delete it when it has ended.",
      );
    }
  }
  const reached = await reach(depsOf(c), questionOf(c, responseJob, owned, "DELETE", "", []));
  return passWhole(reached, c.var.requestId, async () => {
    await accounts.forgetResource(accountId, resource.id);
  });
}

/** Settles a job whose end is seen here. */
async function observe(c: HttpContext, { accountId, resource }: Owned, answer: string): Promise<void> {
  if (resource.job === null) return;
  await endJob(depsOf(c).accounts, accountId, resource, responseJob.endOf(answer, resource));
}
