import type { Usage } from "../../core/usage.ts";
import { NO_USAGE } from "../../core/usage.ts";
import type { HttpContext } from "../../http/context.ts";
import { renderFault } from "../../protocol/error-body.ts";
import { isFault, unsupported } from "../../protocol/fault.ts";
import { errorResponse } from "../../protocol/refusals.ts";
import { unknownModel } from "../../protocol/request-fields.ts";
import { parseData } from "../../protocol/sse.ts";
import { DEFAULT_MODEL, readVideoRequest, type VideoRequest } from "../../protocol/videos/video-request.ts";
import { sha256Hex } from "../../sha256.ts";
import { admit } from "../admission.ts";
import { answerHeaders } from "../answer-headers.ts";
import { endJourney } from "../ending.ts";
import { UNREADABLE, unreachable } from "../failure-policy.ts";
import { depsOf } from "../gateway-deps.ts";
import { videoJob } from "../jobs/video-job.ts";
import type { Answer, Demanding, GatewayDeps, Incoming, Journey } from "../journey.ts";
import { incomingOf } from "../metered-route.ts";
import { reach } from "../reach.ts";
import { repeat } from "../replay.ts";
import { failed, passWhole } from "../stored/answer.ts";
import { ownResource } from "../stored/own-resource.ts";
import { type Creation, createUpstream } from "./create-upstream.ts";
import { READ_MS } from "./make.ts";

/** The price of making a character stands on the line of the default model, as that of a call. Free has to be said. */
const FEE = "character";
const USAGE: Usage = { ...NO_USAGE, calls: { [FEE]: 1 } };

/** Makes a character from a video that the caller uploads. It is made at once and charged by the piece. */
export function makeCharacter(c: HttpContext): Promise<Response> {
  const deps = depsOf(c);
  const incoming = incomingOf(c, "/v1/videos/characters");
  const answer = Promise.withResolvers<Response>();
  deps.waitUntil(run(c.req.raw, deps, incoming, answer.resolve).catch(answer.reject));
  return answer.promise;
}

async function run(raw: Request, deps: GatewayDeps, incoming: Incoming, answer: Answer): Promise<void> {
  const reading = { verb: "character", defaultModel: DEFAULT_MODEL, signal: AbortSignal.timeout(READ_MS) } as const;
  const request = await readVideoRequest(raw, reading);
  if (isFault(request)) return answer(errorResponse(renderFault(request, incoming.requestId)));
  try {
    answer(await decide(deps, incoming, request));
  } finally {
    request.cancel();
  }
}

async function decide(deps: GatewayDeps, incoming: Incoming, request: VideoRequest): Promise<Response> {
  const catalog = await deps.catalog();
  const quote = catalog.quote(DEFAULT_MODEL, Date.now());
  if (!quote) return errorResponse(renderFault(unknownModel(DEFAULT_MODEL), incoming.requestId));
  if (!Object.hasOwn(quote.rate.perCall, FEE)) {
    return errorResponse(renderFault(unsupported("name", "Characters have no price here."), incoming.requestId));
  }
  const references = { previousResponse: null, items: [] };
  const prepared = { model: DEFAULT_MODEL, bound: USAGE, references, openOutput: false, stream: false };
  const fingerprint = sha256Hex(`POST|${incoming.route}|${request.digest()}`);
  const admission = await admit(deps, incoming, { prepared, quote, catalog, fingerprint });
  if (admission.kind === "refused") return errorResponse(admission.error);
  if (admission.kind === "repetition") return repeat(deps, incoming, admission.reservation, videoJob);
  return create(deps, admission.journey, request);
}

async function create(deps: GatewayDeps, journey: Journey<Demanding>, request: VideoRequest): Promise<Response> {
  const { incoming, catalog, reservation } = journey;
  const { accountId, requestId } = incoming;
  const wish = { feature: reservation.feature, model: DEFAULT_MODEL, accountId };
  const targets = deps.upstreams.targetsFor(catalog.upstreams(), wish);
  const creation = named(await createUpstream(deps, incoming, request, targets));
  if (creation.kind !== "created") {
    const outcome = creation.kind === "rejected" || creation.kind === "faulty" ? "rejected" : "upstream_error";
    await endJourney(deps.accounts, journey, { kind: "release", outcome });
  }
  switch (creation.kind) {
    case "created": {
      const { id, text, headers, target } = creation;
      const { upstream } = target;
      const made = { id, kind: "character", upstream, contextTokens: 0, outputTokens: 0, itemIds: [] } as const;
      const report = { usage: USAGE, outcome: "completed", estimated: false } as const;
      await endJourney(deps.accounts, journey, { kind: "settle", report }, made);
      return new Response(text, { headers: answerHeaders(journey, headers, null) });
    }
    case "rejected": {
      const headers = answerHeaders(journey, creation.headers, null);
      return new Response(creation.text, { status: creation.status, headers });
    }
    case "faulty":
      return errorResponse(renderFault(creation.fault, requestId));
    case "failed":
      return failed(creation.failure, requestId);
    case "unknown":
      return failed(unreachable(), requestId);
  }
}

type Named =
  | Exclude<Creation, { kind: "created" }>
  | (Extract<Creation, { kind: "created" }> & { readonly id: string });

/** A character without an id can appear in no video: what was answered then is no character, and is not charged. */
function named(creation: Creation): Named {
  if (creation.kind !== "created") return creation;
  const id = parseData(creation.text)?.id;
  return typeof id === "string" && id !== "" ? { ...creation, id } : { kind: "failed", failure: UNREADABLE };
}

export async function readCharacter(c: HttpContext): Promise<Response> {
  const { resource } = await ownResource(c, "character");
  const reached = await reach(depsOf(c), {
    resource,
    method: "GET",
    path: `/videos/characters/${encodeURIComponent(resource.id)}`,
    search: "",
    from: c.req.raw.headers,
    requestId: c.var.requestId,
    streamed: false,
  });
  return passWhole(reached, c.var.requestId);
}
