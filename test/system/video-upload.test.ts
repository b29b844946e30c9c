import { once } from "node:events";
import { openAsBlob, readFileSync } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { AdminClient } from "../../scripts/admin-client.ts";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";
import { type Customer, makeCustomer } from "./customer.ts";
import { freePort } from "./gateway-process.ts";

const ADMIN_TOKEN = "operator-of-the-upload-test";
const MIB = 1024 * 1024;
const FILE_MIB = 50;
/** How long upstream may take to answer; a file may take longer to be sent. */
const FIRST_BYTE_MS = 2_000;
/** Every isolate of Cloudflare's has 128 MB for all its requests. */
const GROWTH_MIB = 25;

let folder: string;
let file: string;
let inspectorPort: number;
let gateway: LocalGateway;
let customer: Customer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "spillway-upload-"));
  file = join(folder, "reference.mp4");
  const handle = await open(file, "w");
  await handle.truncate(FILE_MIB * MIB);
  await handle.close();
  inspectorPort = await freePort();
  gateway = await startLocalGateway({
    port: 0,
    inspectorPort,
    withSimulator: true,
    vars: {
      SPILLWAY_ADMIN_TOKEN: ADMIN_TOKEN,
      SPILLWAY_KEY_SECRET: "key-secret-of-the-upload-test",
      UPSTREAM_FIRST_BYTE_MS: String(FIRST_BYTE_MS),
    },
    log: "none",
  });
  const admin = new AdminClient(gateway.url, ADMIN_TOKEN);
  const rate = { feature: "sora", per_second: { "720x1280": "0" } };
  await admin.request("PUT", "/admin/rate-cards/default", { body: { models: { "sora-2": rate } } });
  await admin.request("PUT", "/admin/plans/open", { body: { name: "Open", features: { sora: { models: ["*"] } } } });
  customer = await makeCustomer(admin, { plan: "open" });
});

afterAll(async () => {
  await gateway?.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** What the gateway's workerd holds in memory, in MiB; `null` where the system does not tell (no /proc). */
function residentMib(): number | null {
  try {
    const status = readFileSync(`/proc/${gateway.workerdPid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  } catch {
    return null;
  }
}

/** The gateway's isolate, seen by a debugger. */
class Isolate {
  readonly #socket: WebSocket;
  #calls = 0;

  static async of(port: number): Promise<Isolate> {
    const list = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as { webSocketDebuggerUrl: string }[];
    const url = list.find(({ webSocketDebuggerUrl }) => webSocketDebuggerUrl.endsWith("core:user:spillway"));
    if (!url) throw new Error("The gateway's isolate is not among those of its workerd");
    const socket = new WebSocket(url.webSocketDebuggerUrl);
    await once(socket, "open");
    return new Isolate(socket);
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  close(): void {
    this.#socket.close();
  }

  /**
   * What it holds after a collection, buffers included, in MiB. Left to itself V8 collects only when tens of MiB of
   * buffers have become garbage, so that without this nobody could tell what is held from what is not needed any more.
   */
  async heldMib(): Promise<number> {
    await this.#call("HeapProfiler.collectGarbage");
    const { usedSize, backingStorageSize } = await this.#call("Runtime.getHeapUsage");
    return ((usedSize ?? Number.NaN) + (backingStorageSize ?? Number.NaN)) / MIB;
  }

  async #call(method: string): Promise<Partial<Record<string, number>>> {
    this.#calls += 1;
    const id = this.#calls;
    this.#socket.send(JSON.stringify({ id, method }));
    for (;;) {
      const [event] = (await once(this.#socket, "message")) as [{ data: string }];
      const answer = JSON.parse(event.data) as { id?: number; result?: Partial<Record<string, number>> };
      if (answer.id === id) return answer.result ?? {};
    }
  }
}

function formWith(reference: Blob): FormData {
  const form = new FormData();
  const fields = { prompt: "As long as it takes", model: "sora-2", seconds: "4", size: "720x1280" };
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("input_reference", reference, "reference.mp4");
  return form;
}

async function upload(reference: Blob, paced = (body: ReadableStream) => body): Promise<void> {
  const { headers, body } = new Response(formWith(reference));
  const init = {
    method: "POST",
    headers: {
      authorization: `Bearer ${customer.key}`,
      "content-type": headers.get("content-type") ?? "",
      "x-simulate": "video=1",
    },
    body: body && paced(body),
    // Node asks for it where a stream is sent.
    duplex: "half",
  };
  const response = await fetch(`${gateway.url}/v1/videos`, init);
  expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('"object":"video"')]);
}

interface Memory {
  readonly held: number;
  readonly resident: number;
}

/** The most of each while `work` runs. */
async function peakDuring(work: Promise<void>, isolate: Isolate): Promise<Memory> {
  let done = false;
  const ended = work.finally(() => {
    done = true;
  });
  const peak = { held: 0, resident: 0 };
  while (!done) {
    peak.held = Math.max(peak.held, await isolate.heldMib());
    peak.resident = Math.max(peak.resident, residentMib() ?? 0);
    await sleep(20);
  }
  await ended;
  return peak;
}

/** What upstream was sent by the last request, in bytes. */
async function sentBytes(): Promise<number> {
  const answer = await fetch(`${gateway.simulatorUrl}/simulator/requests`);
  const { requests } = (await answer.json()) as { requests: { path: string; body_bytes: number }[] };
  return requests.findLast(({ path }) => path === "/v1/videos")?.body_bytes ?? 0;
}

it(`sends a file of ${FILE_MIB} MiB on as it comes: memory grows by less than ${GROWTH_MIB} MiB`, async (context) => {
  const isolate = await Isolate.of(inspectorPort);
  try {
    // Code is compiled and pools are filled by a few small ones.
    for (let count = 0; count < 20; count += 1) await upload(new Blob([new Uint8Array(200_000)]));
    const idle = { held: await isolate.heldMib(), resident: residentMib() };
    if (idle.resident === null) return context.skip();
    const peak = await peakDuring(openAsBlob(file, { type: "video/mp4" }).then(upload), isolate);
    expect(await sentBytes()).toBeGreaterThan(FILE_MIB * MIB);
    const growth = { held: peak.held - idle.held, resident: peak.resident - idle.resident };
    console.log(`grown by ${growth.held.toFixed(1)} MiB held, ${growth.resident.toFixed(1)} MiB resident`);
    expect(growth.held).toBeLessThan(GROWTH_MIB);
    expect(growth.resident).toBeLessThan(GROWTH_MIB);
  } finally {
    isolate.close();
  }
});

it("waits for a file on a slow line for longer than upstream may take to answer", async () => {
  const size = 4 * MIB;
  const begun = performance.now();
  const slowly = new TransformStream<Uint8Array, Uint8Array>({
    async transform(bytes, controller) {
      for (let at = 0; at < bytes.length; at += size / 64) {
        await sleep((3 * FIRST_BYTE_MS) / 64);
        controller.enqueue(bytes.subarray(at, at + size / 64));
      }
    },
  });
  await upload(new Blob([new Uint8Array(size)]), (body) => body.pipeThrough(slowly));
  expect(performance.now() - begun).toBeGreaterThan(3 * FIRST_BYTE_MS);
  expect(await sentBytes()).toBeGreaterThan(size);
});
