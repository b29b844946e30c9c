import type { FuzzTarget } from "./target.ts";
import { credentialTargets } from "./targets/credentials.ts";
import { documentTargets } from "./targets/documents.ts";
import { requestTargets } from "./targets/requests.ts";
import { streamTargets } from "./targets/streams.ts";

/** Everything that reads what others wrote. */
export const TARGETS: readonly FuzzTarget[] = [
  ...streamTargets,
  ...requestTargets,
  ...credentialTargets,
  ...documentTargets,
];
