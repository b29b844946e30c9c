import { rootOf } from "../../ledger/failure.ts";
import type { VideoTerms } from "../../protocol/videos/video-price.ts";
import type { VideoRequest } from "../../protocol/videos/video-request.ts";
import { sha256Hex } from "../../sha256.ts";
import { logAnomaly } from "../ending.ts";
import type { Demanding, GatewayDeps, Journey } from "../journey.ts";
import type { Target } from "../target.ts";
import { keptTerms } from "./video-record.ts";

/**
 * Notes that upstream is about to be asked for a video. Should the gateway die before the id comes back, or the answer get
 * lost, the video is found again by this. A note that cannot be made does not keep a customer waiting.
 */
export async function rememberIntent(
  deps: GatewayDeps,
  journey: Journey<Demanding>,
  request: VideoRequest,
  terms: VideoTerms,
  targets: readonly Target[],
): Promise<void> {
  const { incoming, reservation, prepared } = journey;
  const { requestId, accountId } = incoming;
  try {
    await deps.intents.add({
      requestId,
      attempt: reservation.attempt,
      accountId,
      upstreams: targets.map(({ upstream }) => upstream),
      model: prepared.model,
      promptHash: promptHash(request.prompt),
      terms: keptTerms(terms),
      createdAt: Date.now(),
    });
  } catch (error) {
    logAnomaly("intent_not_noted", journey, String(rootOf(error)));
  }
}

/** What became of it is known. */
export async function forgetIntent(deps: GatewayDeps, journey: Journey<Demanding>): Promise<void> {
  try {
    await deps.intents.remove(journey.incoming.requestId);
  } catch (error) {
    logAnomaly("intent_not_forgotten", journey, String(rootOf(error)));
  }
}

/** Tells the same prompt again. */
export function promptHash(prompt: string | null): string {
  return sha256Hex(`prompt|${prompt ?? ""}`);
}
