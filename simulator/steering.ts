import { newId } from "./ids.ts";
import type { Lanes } from "./lanes.ts";
import type { JsonObject } from "./request-body.ts";
import { message } from "./socket-frames.ts";

/**
 * `response.steer`: what the user says while a response is running ends it at the next event, and begins another.
 * Gives the message to answer with; `number` is its sequence number.
 */
export function steer(lanes: Lanes, { previous_response_id: target, input }: JsonObject, number: number): string {
  const id = String(target);
  const lane = lanes.withLatest(id);
  const streamId = lane?.streamId ?? null;
  const said = typeof input === "string" || Array.isArray(input) ? input : "";
  const code = refusalOf(said.length === 0, lane?.latest?.isOver());
  if (lane !== undefined && code === null) {
    lane.steering = said;
    const accepted = { id: newId("steer_"), previous_response_id: id };
    return message({ type: "response.steer.accepted", sequence_number: number, steer: accepted }, streamId);
  }
  const failed = {
    type: "response.steer.failed",
    sequence_number: number,
    error: { type: "invalid_request_error", code, message: "The response cannot be steered." },
    steer: { previous_response_id: id, input },
  };
  return message(failed, streamId);
}

/** `isOver`: undefined where the connection does not know the response. */
function refusalOf(isEmpty: boolean, isOver: boolean | undefined): string | null {
  if (isEmpty) return "invalid_input";
  if (isOver === undefined) return "response_not_found";
  return isOver ? "response_already_completed" : null;
}
