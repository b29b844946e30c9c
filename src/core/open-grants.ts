import type { MicroCredits } from "./amount.ts";
import { burnOrder, type Grant, isLive, remaining } from "./grant.ts";

/**
 * Grants with something left, by id, in the order in which they burn. A map keeps the order in which its keys came, so a
 * decision reads the grants from the first one on and stops when it has enough.
 */
export type OpenGrants = Map<string, Grant>;

export function openGrants(grants: Iterable<Grant>): OpenGrants {
  const open = [...grants].filter((grant) => remaining(grant) > 0).sort(burnOrder);
  return new Map(open.map((grant) => [grant.id, grant]));
}

/** Puts a new or changed grant in its place. A grant that is there keeps its own, since its terms never change. */
export function putGrant(grants: OpenGrants, grant: Grant): void {
  if (remaining(grant) === 0) {
    grants.delete(grant.id);
    return;
  }
  const later = grants.has(grant.id) ? [] : [...grants.values()].filter((other) => burnOrder(grant, other) < 0);
  grants.set(grant.id, grant);
  for (const other of later) {
    grants.delete(other.id);
    grants.set(other.id, other);
  }
}

/** What is left of the live grants, reserved parts included, at every instant of a span in which none begins or ends. */
export interface LiveCredits {
  /** The first instant of the span. */
  readonly from: number;
  /** The first instant after the span. */
  readonly until: number;
  readonly total: MicroCredits;
}

/** The live grants' credits at `now`. Looks at every grant. */
export function liveCreditsAt(grants: OpenGrants, now: number): LiveCredits {
  let from = Number.NEGATIVE_INFINITY;
  for (const grant of grants.values()) {
    for (const at of turningPoints(grant)) if (at <= now) from = Math.max(from, at);
  }
  let live: LiveCredits = { from, until: Number.POSITIVE_INFINITY, total: 0 };
  for (const grant of grants.values()) live = withGrant(live, undefined, grant);
  return live;
}

/** `live` with `after` in the place of `before`, which is `undefined` when there was nothing left of it. */
export function withGrant({ from, until, total }: LiveCredits, before: Grant | undefined, after: Grant): LiveCredits {
  const left = (grant: Grant): MicroCredits => (isLive(grant, from) ? remaining(grant) : 0);
  return {
    from,
    until: Math.min(until, ...turningPoints(after).filter((at) => at > from)),
    total: total - (before ? left(before) : 0) + left(after),
  };
}

/** When a grant begins and ends. */
function turningPoints({ effectiveAt, expiresAt }: Grant): number[] {
  return expiresAt === null ? [effectiveAt] : [effectiveAt, expiresAt];
}
