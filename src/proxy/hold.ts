import type { PreparedRequest } from "../protocol/adapter.ts";

/** A whole answer is only seen at its end, so its reservation must outlast the slowest. */
const HOLD_WHOLE_MS = 15 * 60_000;
/** A stream's reservation is extended by its checkpoints. */
export const HOLD_STREAM_MS = 4 * 60_000;
/** Upstream may take hours over a job; what it comes to afterwards is still charged as a late settlement. */
export const HOLD_JOB_MS = 6 * 3_600_000;

/** How long a reservation lasts unless it is settled or extended. A job's is extended when upstream has taken it on. */
export function holdMsOf({ stream }: Pick<PreparedRequest, "stream">): number {
  return stream ? HOLD_STREAM_MS : HOLD_WHOLE_MS;
}
