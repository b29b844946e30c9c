import { Caller, smallRequest } from "../caller.ts";
import { Workbench } from "../workbench.ts";
import { asOperator, p50, requestCost } from "./probe.ts";
import { type Growth, growthOf, type Measured } from "./table.ts";

const SIZES = [1, 10, 100, 1_000];
const REQUESTS = 600;
const WAIT_MS = 30_000;

/** One account with more and more requests that upstream does not answer. */
export async function measureReservations(small: boolean, progress: (text: string) => void): Promise<Growth> {
  const sizes = small ? SIZES.slice(0, -1) : SIZES;
  const bench = await Workbench.start();
  const caller = new Caller(bench.gateway.port);
  const waiting = new Caller(bench.gateway.port);
  try {
    const { id, key } = await bench.makeAccount("grants", "1000000");
    await requestCost(bench, caller, [key], REQUESTS);
    const measured: Measured[] = [];
    let open = 0;
    for (const size of sizes) {
      progress(`${size} open reservations`);
      for (; open < size; open += 1) {
        // Nobody waits for these: they end with the benchmark.
        waiting.ask(smallRequest(key, { metadata: { simulate: "hang" } })).catch(() => undefined);
      }
      await untilReserved(bench, id, size);
      const { cpuMs, p50Ms } = await requestCost(bench, caller, [key], REQUESTS);
      measured.push({
        "request, CPU ms": cpuMs,
        "request, p50 ms": p50Ms,
        "GET /api/account, p50 ms": await p50(caller, { path: "/api/account", key }),
        "list of the account's reservations, p50 ms": await p50(caller, asOperator(pendingOf(id))),
      });
    }
    return growthOf("Open reservations of one account", "open", sizes, measured);
  } finally {
    waiting.close();
    caller.close();
    await bench.dispose();
  }
}

function pendingOf(id: string): string {
  return `/admin/reservations?state=pending&account=${id}&limit=500`;
}

/** The reserved credits of the account tell how many requests are under way: each reserves the same. */
async function untilReserved(bench: Workbench, id: string, count: number): Promise<void> {
  const { gates } = await bench.admin.accounts.get(id);
  const limit = gates.find(({ unit }) => unit === "concurrency")?.limit ?? 0;
  for (const end = Date.now() + WAIT_MS; Date.now() < end; ) {
    const account = await bench.admin.accounts.get(id);
    const room = account.gates.find(({ unit }) => unit === "concurrency")?.remaining ?? limit;
    if (Number(limit) - Number(room) >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${count} requests were not all reserved`);
}
