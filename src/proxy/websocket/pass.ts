import type { Transport } from "../failure-policy.ts";
import { withoutSecret } from "../told-secret.ts";
import { Watchdog } from "../watchdog.ts";
import type { AnswerFrames } from "./answer-frames.ts";
import type { UpstreamSocket } from "./upstream-socket.ts";

/** How long an answer that was broken off with an error may be followed by what it used. */
const USAGE_MS = 1_000;

/** Sends a request through upstream's connection and passes on what comes back for it, to its end. */
export function pass(
  socket: UpstreamSocket,
  streamId: string | null,
  frame: string,
  frames: AnswerFrames,
): Promise<Transport> {
  const ended = Promise.withResolvers<Transport>();
  const { patience, apiKey } = socket.target;
  // A connection on which one answer is stuck is of no use: there is no way to call that answer off.
  const watchdog = new Watchdog(patience, true, (reason) => socket.close(1011, reason));
  watchdog.answered();
  let late: ReturnType<typeof setTimeout> | undefined;
  const end = (transport: Transport): void => {
    clearTimeout(late);
    watchdog.stop();
    socket.release(streamId);
    ended.resolve(transport);
  };
  socket.ask(streamId, frame, {
    event(json) {
      watchdog.touch();
      frames.take(withoutSecret(json, apiKey));
      if (!frames.ended) return;
      if (frames.owesUsage) late ??= setTimeout(() => end("whole"), USAGE_MS);
      else end("whole");
    },
    closed: () => end(frames.ended ? "whole" : "broken"),
  });
  return ended.promise;
}
