import type { Reading } from "./adapter.ts";
import { ResponsesMeter } from "./responses-meter.ts";
import { parseData } from "./sse.ts";
import { EVERY_HOSTED_TOOL } from "./tools.ts";

/** Reads an answer of which the request is no longer at hand. What has no price is left out when it is charged. */
export function storedResponseMeter(): ResponsesMeter {
  return new ResponsesMeter({ leastInput: 0, calls: EVERY_HOSTED_TOOL, serviceTier: null });
}

/** What a response says when it is fetched, and whether it ended because somebody cancelled it. */
export function readStoredResponse(answer: string): { readonly reading: Reading; readonly cancelled: boolean } {
  const response = parseData(answer);
  const meter = storedResponseMeter();
  meter.answer(response ?? undefined);
  return { reading: meter.reading(), cancelled: response?.status === "cancelled" };
}
