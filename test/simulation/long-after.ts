import type { Cast } from "./cast.ts";
import { CORRECTED_VERSIONS } from "./offers.ts";
import { rerateSome } from "./rerating-story.ts";
import { RESTORED } from "./restored-story.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Objects have forgotten by then what was asked of them without a key. */
const LATER_MS = 9 * DAY;
const MINUTE = 60_000;

/**
 * In some of the seeds prices are corrected long after everything has come to rest, by operators who want different ones
 * at about the same time.
 */
export async function correctLongAfter(cast: Cast): Promise<boolean> {
  const { world, hosts } = cast;
  const random = world.random.fork("long after");
  if (!random.chance(0.2)) return false;
  const begin = world.now;
  // What was to come late comes before it.
  await world.runUntil(begin + HOUR);
  world.leap(LATER_MS);
  const versions = random.shuffle(CORRECTED_VERSIONS).slice(0, random.int(1, 3));
  for (const accountId of hosts.keys()) {
    // Its entries are not all of its object's making, and its story keeps a book of its own.
    if (accountId === RESTORED) continue;
    for (const [n, toVersion] of [...versions, ...versions].entries()) {
      const at = world.now + random.int(2 * MINUTE, 2 * MINUTE + random.pick([10, 3_000, 30_000]));
      const action = {
        kind: "rerate",
        toVersion,
        complaint: "any",
        spanMs: world.now + LATER_MS - begin,
        most: random.int(1, 6),
        keyed: random.chance(0.2),
        dryRun: false,
        copies: 1,
        refundAfterMs: null,
        slowMs: random.pick([0, 50, 2_000]),
        at,
        account: 0,
        n,
      } as const;
      world.at(at, () => rerateSome(cast, accountId, action));
    }
  }
  return true;
}
