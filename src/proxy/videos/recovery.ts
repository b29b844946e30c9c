import type { JobIntent } from "../../catalog/job-intents.ts";
import { rootOf } from "../../ledger/failure.ts";
import type { JsonObject } from "../../protocol/adapter.ts";
import { HOLD_JOB_MS } from "../hold.ts";
import { endJob } from "../jobs/end-job.ts";
import { endOfVideo } from "../jobs/video-job.ts";
import type { GatewayDeps } from "../journey.ts";
import { promptHash } from "./intents.ts";
import { NewestVideos } from "./newest-videos.ts";
import { recordOf, termsOf } from "./video-record.ts";

/** What the recovery works with. */
export interface RecoveryDeps {
  readonly gateway: GatewayDeps;
  readonly intentsBefore: (before: number, limit: number) => Promise<JobIntent[]>;
  readonly isKnownJob: (id: string) => Promise<boolean>;
  readonly mintId: () => string;
}

/** A request for a video is over by then, one way or the other. */
const REQUEST_MS = 2 * 60_000;
/** What has not been found by then was never begun. */
const GIVE_UP_MS = 30 * 60_000;
/** Clocks differ, and a large upload may take minutes until upstream begins. */
const SLACK_MS = 10 * 60_000;
/** Far more than are lost together, so that rivals are seen. */
const INTENTS_AT_ONCE = 200;

/**
 * Finds videos that upstream began while their ids were lost on the way, by what was asked for and when, and gives them
 * to the account that asked. Without it the operator would pay for what nobody is shown.
 */
export async function recoverVideos(deps: RecoveryDeps, now: number): Promise<void> {
  const intents = await deps.intentsBefore(now - REQUEST_MS, INTENTS_AT_ONCE);
  const [oldest] = intents;
  if (!oldest) return;
  const videos = new NewestVideos(deps.gateway, deps.mintId, oldest.createdAt - SLACK_MS);
  for (const intent of intents) {
    try {
      const isFound = !hasRival(intent, intents) && (await findAgain(deps, intent, videos, now));
      if (isFound || now - intent.createdAt > GIVE_UP_MS) await deps.gateway.intents.remove(intent.requestId);
    } catch (error) {
      console.error(
        JSON.stringify({
          event: "video_not_recovered",
          request: intent.requestId,
          message: String(rootOf(error)).slice(0, 300),
        }),
      );
    }
  }
}

/**
 * Whether another account lost the same prompt. What was made of it cannot be told apart, and may show what only one of
 * them uploaded: it is given to neither.
 */
function hasRival({ accountId, promptHash: hash, requestId }: JobIntent, intents: readonly JobIntent[]): boolean {
  const rival = intents.find((other) => other.promptHash === hash && other.accountId !== accountId);
  if (rival) console.error(JSON.stringify({ event: "video_ambiguous", request: requestId, rival: rival.requestId }));
  return rival !== undefined;
}

async function findAgain(deps: RecoveryDeps, intent: JobIntent, videos: NewestVideos, now: number): Promise<boolean> {
  for (const upstream of intent.upstreams) {
    for (const video of await videos.of(upstream, intent.model)) {
      if (!isMeant(video, intent, now) || typeof video.id !== "string") continue;
      if (await deps.isKnownJob(video.id)) continue;
      return adopt(deps, intent, upstream, video.id, video);
    }
  }
  return false;
}

function isMeant({ prompt, created_at: createdAt }: JsonObject, intent: JobIntent, now: number): boolean {
  if (typeof prompt !== "string" || promptHash(prompt) !== intent.promptHash) return false;
  if (typeof createdAt !== "number") return false;
  // One that has just begun may be of somebody else's request, whose answer is still on its way.
  const isYoung = createdAt * 1_000 > now - REQUEST_MS;
  return !isYoung && Math.abs(createdAt * 1_000 - intent.createdAt) < SLACK_MS;
}

/** The video becomes the job of the request that asked for it, as if its answer had arrived. */
async function adopt(
  { gateway }: RecoveryDeps,
  { accountId, requestId, attempt, model, terms: kept }: JobIntent,
  upstream: string,
  id: string,
  video: JsonObject,
): Promise<boolean> {
  const terms = termsOf(kept);
  if (!terms) return false;
  const made = recordOf(id, upstream, terms, video);
  const isAttached = await gateway.accounts.attach(accountId, { requestId, attempt, made, holdMs: HOLD_JOB_MS });
  if (!isAttached) return false;
  await gateway.indexJob(id, accountId);
  const job = { ...made, model, requestId, attempt };
  await endJob(gateway.accounts, accountId, job, endOfVideo(video, job));
  return true;
}
