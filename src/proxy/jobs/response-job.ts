import type { JobRef } from "../../../durable-objects/resource-commands.ts";
import type { Reading } from "../../protocol/adapter.ts";
import { readStoredResponse } from "../../protocol/stored-response.ts";
import { madeResponse } from "../ending.ts";
import { endingOf } from "../failure-policy.ts";
import type { JobEnd, JobKind } from "./job-kind.ts";

/** A background response. */
export const responseJob: JobKind = {
  path: (id) => `/responses/${encodeURIComponent(id)}`,
  endOf(answer, resource) {
    const { reading, cancelled } = readStoredResponse(answer);
    const end = endOfReading(reading, resource);
    if (!cancelled) return end;
    return end.kind === "settle"
      ? { ...end, report: { ...end.report, outcome: "abandoned" } }
      : { kind: "release", outcome: "abandoned" };
  },
};

/** The end of a background response as one of its streams or answers showed it. */
export function endOfReading(reading: Reading, { id, upstream }: JobRef): JobEnd {
  if (reading.end === "open") return { kind: "open" };
  const ending = endingOf(reading, "whole");
  if (ending.kind === "release")
    return { kind: "release", outcome: reading.end === "failed" ? "failed" : ending.outcome };
  return { ...ending, made: madeResponse(id, upstream, reading) };
}
