import { Caller } from "../caller.ts";
import { median } from "../statistics.ts";
import { Workbench } from "../workbench.ts";
import { p50, requestCost } from "./probe.ts";
import { type Growth, growthOf, type Measured } from "./table.ts";

const SIZES = [1, 10, 100, 1_000];
const REQUESTS = 600;

/** One account with more and more grants that are all good: each request puts them in order and finds the first. */
export async function measureGrants(small: boolean, progress: (text: string) => void): Promise<Growth> {
  const sizes = small ? SIZES.slice(0, -1) : SIZES;
  const bench = await Workbench.start();
  const caller = new Caller(bench.gateway.port);
  try {
    const { id, key } = await bench.makeAccount("grants");
    await requestsOfAnother(bench, caller);
    const measured: Measured[] = [];
    let made = 0;
    for (const size of sizes) {
      progress(`${size} grants`);
      const times: number[] = [];
      for (; made < size; made += 1) {
        const begun = performance.now();
        await bench.grant(id, "1000");
        times.push(performance.now() - begun);
      }
      const { cpuMs, p50Ms } = await requestCost(bench, caller, [key], REQUESTS);
      measured.push({
        "request, CPU ms": cpuMs,
        "request, p50 ms": p50Ms,
        "a further grant, p50 ms": median(times),
        "GET /api/account, p50 ms": await p50(caller, { path: "/api/account", key }),
      });
    }
    return growthOf("Grants of one account", "grants", sizes, measured);
  } finally {
    caller.close();
    await bench.dispose();
  }
}

/** Warms the gateway up. */
async function requestsOfAnother(bench: Workbench, caller: Caller): Promise<void> {
  const { key } = await bench.makeAccount("allowance");
  await requestCost(bench, caller, [key], REQUESTS);
}
