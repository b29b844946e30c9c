import type { HttpContext } from "../../http/context.ts";
import { renderFault } from "../../protocol/error-body.ts";
import { isFault } from "../../protocol/fault.ts";
import { errorResponse } from "../../protocol/refusals.ts";
import { parseData } from "../../protocol/sse.ts";
import type { VideoVerb } from "../../protocol/videos/video-fields.ts";
import { DEFAULT_MODEL, readVideoRequest, type VideoRequest } from "../../protocol/videos/video-request.ts";
import { sha256Hex } from "../../sha256.ts";
import { admit } from "../admission.ts";
import { answerHeaders } from "../answer-headers.ts";
import { attachJob, endJourney, logAnomaly } from "../ending.ts";
import { depsOf } from "../gateway-deps.ts";
import { endJob } from "../jobs/end-job.ts";
import { endOfVideo, videoJob } from "../jobs/video-job.ts";
import type { Answer, Demanding, GatewayDeps, Incoming, Journey } from "../journey.ts";
import { incomingOf } from "../metered-route.ts";
import { repeat } from "../replay.ts";
import { failed } from "../stored/answer.ts";
import { ownSource } from "../stored/own-resource.ts";
import { unknownCreation } from "../unknown-creation.ts";
import { type Creation, createUpstream } from "./create-upstream.ts";
import { forgetIntent, rememberIntent } from "./intents.ts";
import { recordOf } from "./video-record.ts";
import { type WantedVideo, wantedVideo } from "./wanted-video.ts";

/** A large file takes its time to be sent; nobody may take for ever. */
export const READ_MS = 15 * 60_000;

/**
 * Makes a video: its seconds and its size are priced before the call, the credits are held while it is made, and it is
 * settled when it is done, which this does not wait for. All of it runs in `waitUntil`, whatever the client does.
 */
export function makeVideo(c: HttpContext, verb: Exclude<VideoVerb, "character">): Promise<Response> {
  const deps = depsOf(c);
  const incoming = incomingOf(c, `/v1/videos/${verb}`);
  const answer = Promise.withResolvers<Response>();
  const story = run(c, deps, incoming, verb, answer.resolve).catch(answer.reject);
  deps.waitUntil(story);
  return answer.promise;
}

async function run(
  c: HttpContext,
  deps: GatewayDeps,
  incoming: Incoming,
  verb: Exclude<VideoVerb, "character">,
  answer: Answer,
): Promise<void> {
  const sourceId = c.req.param("id");
  const request = await readVideoRequest(c.req.raw, {
    verb,
    defaultModel: DEFAULT_MODEL,
    signal: AbortSignal.timeout(READ_MS),
    ...(sourceId === undefined ? {} : { sourceId }),
  });
  if (isFault(request)) return answer(errorResponse(renderFault(request, incoming.requestId)));
  try {
    await decide(c, deps, incoming, request, answer);
  } finally {
    // Where it was sent on there is nothing left to stop.
    request.cancel();
  }
}

async function decide(
  c: HttpContext,
  deps: GatewayDeps,
  incoming: Incoming,
  request: VideoRequest,
  answer: Answer,
): Promise<void> {
  const { requestId } = incoming;
  const catalog = await deps.catalog();
  const owned = request.sourceId === null ? null : await ownSource(c, "video", request.sourceId);
  const source = owned?.resource ?? null;
  const keeper = source && catalog.upstreams().find(({ id }) => id === source.upstream);
  const wanted = wantedVideo(request, source, keeper?.videoExtensions ?? "added", catalog, Date.now());
  if (isFault(wanted)) return answer(errorResponse(renderFault(wanted, requestId)));

  const { prepared, quote } = wanted;
  const fingerprint = sha256Hex(`POST|${incoming.route}|${request.sourceId ?? ""}|${request.digest()}`);
  const known = { prepared, quote, catalog, fingerprint, ...sameness(incoming, request, fingerprint) };
  const admission = await admit(deps, incoming, known);
  switch (admission.kind) {
    case "refused":
      return answer(errorResponse(admission.error));
    case "repetition":
      return answer(await repeat(deps, incoming, admission.reservation, videoJob));
    case "admitted":
      return create(deps, { ...admission.journey, upstream: source?.upstream ?? null }, request, wanted, answer);
  }
}

/**
 * By what a repetition without a key can be known. The digest of a form that is still coming says nothing about its files:
 * two pictures may have the same words.
 */
function sameness(
  { keyed, headers }: Incoming,
  { whole }: VideoRequest,
  content: string,
): { readonly content?: string; readonly repeats?: boolean } {
  if (keyed || !whole) return {};
  return { content, repeats: Number(headers.get("x-stainless-retry-count") ?? 0) > 0 };
}

async function create(
  deps: GatewayDeps,
  journey: Journey<Demanding>,
  request: VideoRequest,
  wanted: WantedVideo,
  answer: Answer,
): Promise<void> {
  const { incoming, prepared, reservation, upstream, catalog } = journey;
  const known = catalog.upstreams();
  const { feature } = reservation;
  const only = upstream === null ? null : deps.upstreams.targetOf(known, upstream, prepared.model);
  const targets =
    upstream === null
      ? deps.upstreams.targetsFor(known, { feature, model: prepared.model, accountId: incoming.accountId })
      : only === null
        ? []
        : [only];
  await rememberIntent(deps, journey, request, wanted.terms, targets);
  const creation = await createUpstream(deps, incoming, request, targets);
  const concluded = await conclude(deps, journey, wanted, creation);
  // Not sooner: until its owner is stored, a video that was begun can only be found again by its intent.
  if (concluded) deps.waitUntil(forgetIntent(deps, journey));
  answer(concluded ?? unknownCreation(incoming.requestId, LOST));
}

/** The answer to what upstream said; `null` where it is not known what became of the request. */
async function conclude(
  deps: GatewayDeps,
  journey: Journey<Demanding>,
  wanted: WantedVideo,
  creation: Creation,
): Promise<Response | null> {
  const { requestId } = journey.incoming;
  switch (creation.kind) {
    case "created":
      return created(deps, journey, wanted, creation);
    case "unknown":
      return null;
    case "faulty":
      await endJourney(deps.accounts, journey, { kind: "release", outcome: "rejected" });
      return errorResponse(renderFault(creation.fault, requestId));
    case "rejected":
      await endJourney(deps.accounts, journey, { kind: "release", outcome: "rejected" });
      return new Response(creation.text, {
        status: creation.status,
        headers: answerHeaders(journey, creation.headers, null),
      });
    case "failed":
      await endJourney(deps.accounts, journey, { kind: "release", outcome: creation.failure.outcome });
      return failed(creation.failure, requestId);
  }
}

/** Upstream has begun the video: its owner is stored before its id is told to anybody; `null` where that failed. */
async function created(
  deps: GatewayDeps,
  journey: Journey<Demanding>,
  { terms }: WantedVideo,
  { text, headers, target }: Extract<Creation, { kind: "created" }>,
): Promise<Response | null> {
  const { accountId, requestId } = journey.incoming;
  const video = parseData(text);
  if (!video || typeof video.id !== "string") {
    logAnomaly("video_without_id", journey, text.slice(0, 200));
    return null;
  }
  const made = recordOf(video.id, target.upstream, terms, video);
  if (!(await attachJob(deps, journey, made))) return null;
  const { attempt } = journey.reservation;
  const job = { ...made, model: journey.prepared.model, requestId, attempt };
  // The video is there and its owner's: an end that cannot be noted now is seen by whoever asks after it next.
  await endJob(deps.accounts, accountId, job, endOfVideo(video, job)).catch((error: unknown) => {
    logAnomaly("job_not_ended", journey, String(error));
  });
  return new Response(text, { headers: answerHeaders(journey, headers, null) });
}

const LOST =
  "The model provider's answer was lost, so it is not known whether the video has been begun. If it has, it appears in GET /v1/videos within minutes; if not, nothing is charged.";
