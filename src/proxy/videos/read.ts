import type { HttpContext } from "../../http/context.ts";
import { deletedVideo } from "../../protocol/videos/video-object.ts";
import { depsOf } from "../gateway-deps.ts";
import { endJob } from "../jobs/end-job.ts";
import { lookAt } from "../jobs/poll.ts";
import { videoJob } from "../jobs/video-job.ts";
import { reach } from "../reach.ts";
import { failed, passWhole } from "../stored/answer.ts";
import type { Owned } from "../stored/own-resource.ts";
import { questionOf } from "../stored/question.ts";
import { mayPass } from "../upstream-headers.ts";

/** Of a file's headers, those that tell a client what it gets, and how to go on with a part of it. */
const FILE_HEADERS = [
  "accept-ranges",
  "cache-control",
  "content-disposition",
  "content-length",
  "content-range",
  "content-type",
  "etag",
  "last-modified",
];

/** Shows a video as upstream has it now, and settles it where this is the first sight of its end. */
export async function retrieveVideo(c: HttpContext, owned: Owned): Promise<Response> {
  const { accountId, resource } = owned;
  const reached = await reach(depsOf(c), questionOf(c, videoJob, owned, "GET", "", []));
  return passWhole(reached, c.var.requestId, async (answer) => {
    if (resource.job === null) return;
    await endJob(depsOf(c).accounts, accountId, resource, videoJob.endOf(answer, resource));
  });
}

/** Deletes a video. One that is still being made is settled first if it has ended, and given back if it has not. */
export async function removeVideo(c: HttpContext, owned: Owned): Promise<Response> {
  const { accountId, resource } = owned;
  const deps = depsOf(c);
  const { requestId } = c.var;
  const isOpen = resource.job !== null && (await lookAt(deps, accountId, resource, requestId)) === "open";
  const reached = await reach(deps, questionOf(c, videoJob, owned, "DELETE", "", []));
  const gone = reached.kind === "reached" && reached.call.response.status === 404;
  const answer = await passWhole(reached, requestId, async () => {
    if (isOpen) await endJob(deps.accounts, accountId, resource, { kind: "release", outcome: "abandoned" });
  });
  // What upstream has forgotten already is deleted all the same; what is still being made is never forgotten.
  if (!answer.ok && !(gone && !isOpen)) return answer;
  await deps.accounts.forgetResource(accountId, resource.id);
  return Response.json(deletedVideo(resource.id), { headers: { "x-request-id": requestId } });
}

/** Passes a video's file, or a picture of it, or a part of either, without looking into it. */
export async function downloadContent(c: HttpContext, owned: Owned): Promise<Response> {
  const { requestId } = c.var;
  const question = { ...questionOf(c, videoJob, owned, "GET", "/content", ["variant"]), streamed: true };
  const reached = await reach(depsOf(c), question);
  if (reached.kind === "failed") return failed(reached.failure, requestId);
  const { call } = reached;
  if (!call.response.ok && call.response.status !== 304) return passWhole(reached, requestId);
  // Nothing is metered here: the runtime passes the file, and ends upstream's side when the client leaves.
  call.watchdog.stop();
  const headers = new Headers({ "x-request-id": requestId });
  for (const name of FILE_HEADERS) {
    const value = call.response.headers.get(name);
    if (value !== null && mayPass(name, value)) headers.set(name, value);
  }
  return new Response(call.response.body, { status: call.response.status, headers });
}
