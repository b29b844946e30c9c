import type { JobRef } from "../../../durable-objects/resource-commands.ts";
import type { UsageReport } from "../../core/charge.ts";
import type { UsageOutcome } from "../../core/event.ts";
import type { MadeResource } from "../../core/resource.ts";

/** What the state of a job means for its reservation. Unknown is not failed: whatever is no clear end leaves it open. */
export type JobEnd =
  | { readonly kind: "open" }
  | { readonly kind: "settle"; readonly report: UsageReport; readonly made: MadeResource | null }
  | { readonly kind: "release"; readonly outcome: UsageOutcome };

/** One kind of work that upstream goes on with by itself. Another kind is another one of these. */
export interface JobKind {
  /** Where it is asked after, below the upstream's base URL. */
  path(id: string): string;
  /** What an answer from there says; `open` for anything that cannot be read. */
  endOf(answer: string, resource: JobRef): JobEnd;
}
