import type { JobIntent } from "../../catalog/job-intents.ts";
import type { JsonObject } from "../../protocol/adapter.ts";
import { parseData } from "../../protocol/sse.ts";
import { HOLD_JOB_MS } from "../hold.ts";
import type { GatewayDeps } from "../journey.ts";
import { reach } from "../reach.ts";
import { readWhole } from "../whole-body.ts";
import { promptHash } from "./intents.ts";
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
const INTENTS_AT_ONCE = 20;
const PAGE = 100;

/**
 * Finds videos that upstream began while their ids were lost on the way, by what was asked for and when, and gives them
 * to the account that asked. Without it the operator would pay for what nobody is shown.
 */
export async function recoverVideos(deps: RecoveryDeps, now: number): Promise<void> {
  const intents = await deps.intentsBefore(now - REQUEST_MS, INTENTS_AT_ONCE);
  for (const intent of intents) {
    try {
      const isFound = await findAgain(deps, intent);
      if (isFound || now - intent.createdAt > GIVE_UP_MS) await deps.gateway.intents.remove(intent.requestId);
    } catch (error) {
      console.error(
        JSON.stringify({
          event: "video_not_recovered",
          request: intent.requestId,
          message: String(error).slice(0, 300),
        }),
      );
    }
  }
}

async function findAgain(deps: RecoveryDeps, intent: JobIntent): Promise<boolean> {
  for (const upstream of intent.upstreams) {
    for (const video of await newestVideos(deps, upstream, intent)) {
      if (!isMeant(video, intent) || typeof video.id !== "string") continue;
      if (await deps.isKnownJob(video.id)) continue;
      return adopt(deps, intent, upstream, video.id, video);
    }
  }
  return false;
}

async function newestVideos(deps: RecoveryDeps, upstream: string, { model }: JobIntent): Promise<JsonObject[]> {
  const reached = await reach(deps.gateway, {
    resource: { upstream, model },
    method: "GET",
    path: "/videos",
    search: `?limit=${PAGE}&order=desc`,
    from: new Headers(),
    requestId: deps.mintId(),
    streamed: false,
  });
  if (reached.kind === "failed" || !reached.call.response.ok) return [];
  const text = await readWhole(reached.call);
  const data = text === null ? null : parseData(text)?.data;
  return Array.isArray(data) ? data.filter((video): video is JsonObject => isObject(video)) : [];
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isMeant({ prompt, created_at: createdAt }: JsonObject, intent: JobIntent): boolean {
  if (typeof prompt !== "string" || promptHash(prompt) !== intent.promptHash) return false;
  if (typeof createdAt !== "number") return false;
  return Math.abs(createdAt * 1_000 - intent.createdAt) < SLACK_MS;
}

/** The video becomes the job of the request that asked for it, as if its answer had arrived. */
async function adopt(
  { gateway }: RecoveryDeps,
  { accountId, requestId, attempt, terms: kept }: JobIntent,
  upstream: string,
  id: string,
  video: JsonObject,
): Promise<boolean> {
  const terms = termsOf(kept);
  if (!terms) return false;
  const made = recordOf(id, upstream, terms, video);
  const isAttached = await gateway.accounts.attach(accountId, { requestId, attempt, made, holdMs: HOLD_JOB_MS });
  if (isAttached) await gateway.indexJob(id, accountId);
  return isAttached;
}
