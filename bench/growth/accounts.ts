import { setTimeout as sleep } from "node:timers/promises";
import { Caller } from "../caller.ts";
import { type KeyedAccount, Workbench } from "../workbench.ts";
import { liveObjects, residentMb } from "./live-objects.ts";
import { requestCost } from "./probe.ts";
import { type Growth, growthOf, type Measured } from "./table.ts";

const SIZES = [10, 100, 1_000, 10_000];
const REQUESTS = 1_000;
const FEW_REQUESTS = 600;
/** Accounts with a key, at most: as many as there are requests. */
const KEYED = 1_000;
const BUSY = 10;
const MADE_AT_ONCE = 16;

/** Accounts with their objects: making them, holding them in memory, and requests of some and of all of them. */
export async function measureAccounts(small: boolean, progress: (text: string) => void): Promise<Growth> {
  const sizes = small ? SIZES.slice(0, -1) : SIZES;
  const bench = await Workbench.start();
  const caller = new Caller(bench.gateway.port);
  try {
    const keyed: KeyedAccount[] = [];
    const measured: Measured[] = [];
    let made = 0;
    for (const size of sizes) {
      progress(`${size} accounts`);
      const before = standingOf(bench);
      const begun = performance.now();
      await makeUpTo(bench, keyed, made, size);
      const perSecond = ((size - made) / (performance.now() - begun)) * 1_000;
      made = size;
      const after = standingOf(bench);
      await sleep(2_000);
      const keys = keyed.map(({ key }) => key);
      const all = await requestCost(bench, caller, keys, REQUESTS);
      // Half a minute later each account of these has an alarm once more; the few are asked before that.
      const few = await requestCost(bench, caller, keys.slice(0, BUSY), FEW_REQUESTS);
      measured.push({
        "made, a second": perSecond,
        "live objects, just after": after?.live ?? null,
        "memory, MB": after?.memory ?? null,
        "memory for each object more, kB":
          before && after && after.live > before.live
            ? ((after.memory - before.memory) / (after.live - before.live)) * 1_000
            : null,
        "request of one of ten accounts, CPU ms": few.cpuMs,
        "request of one of ten accounts, p50 ms": few.p50Ms,
        "request of any account (of 1000 at most), CPU ms": all.cpuMs,
        "request of any account (of 1000 at most), p50 ms": all.p50Ms,
      });
    }
    return growthOf("Accounts with objects", "accounts", sizes, measured);
  } finally {
    caller.close();
    await bench.dispose();
  }
}

/** What lives in memory; `null` where the system does not tell. */
function standingOf({ gateway }: Workbench): { readonly live: number; readonly memory: number } | null {
  const live = liveObjects(gateway.workerdPid);
  const memory = residentMb(gateway.workerdPid);
  return live === null || memory === null ? null : { live, memory };
}

async function makeUpTo(bench: Workbench, keyed: KeyedAccount[], from: number, to: number): Promise<void> {
  let next = from;
  const lane = async () => {
    while (next < to) {
      next += 1;
      if (next <= KEYED) keyed.push(await bench.makeAccount("allowance"));
      else await bench.admin.accounts.create({ plan: "allowance" });
    }
  };
  await Promise.all(Array.from({ length: MADE_AT_ONCE }, lane));
}
