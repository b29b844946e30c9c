import type { ResourceKind } from "../../core/resource.ts";
import type { JobKind } from "./job-kind.ts";
import { responseJob } from "./response-job.ts";
import { videoJob } from "./video-job.ts";

/** How each kind of job is asked after. What is not here is made at once. */
export const JOB_KINDS: Readonly<Partial<Record<ResourceKind, JobKind>>> = { response: responseJob, video: videoJob };
