import { waitUntil } from "cloudflare:workers";
import type { Later } from "./shared-flush.ts";

/** Timers of the request at hand: the platform keeps it alive until they are through, for half a minute at most. */
export const laterInRequest: Later = (ms, work) => waitUntil(scheduler.wait(ms).then(work));
