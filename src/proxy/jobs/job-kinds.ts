import type { ResourceKind } from "../../core/resource.ts";
import type { JobKind } from "./job-kind.ts";
import { responseJob } from "./response-job.ts";

/** How each kind of job is asked after. */
export const JOB_KINDS: Readonly<Partial<Record<ResourceKind, JobKind>>> = { response: responseJob };
