import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminClient } from "../../scripts/admin-client.ts";
import {
  type LocalGateway,
  type Simulator,
  simulatorVars,
  startLocalGateway,
  startSimulator,
} from "../../scripts/local-gateway.ts";
import { type Customer, makeCustomer, readOwn, until } from "./customer.ts";
import { freePort, GatewayProcess } from "./gateway-process.ts";

const ADMIN_TOKEN = "operator-of-the-crash-test";
const KEY_SECRET = "key-secret-of-the-crash-test";
const MINUTE_MS = 60_000;
/** Four seconds at 2.5 credits, as config/rate-cards.json has it. */
const PRICE = "10.000000";
const PLAN = { name: "Videos", features: { sora: { models: ["sora-2"] } } };

/** One customer's request for a video, which was under way when the gateway was killed. */
interface Story {
  readonly customer: Customer;
  readonly prompt: string;
}

let stateDir: string;
/** The upstream goes on while the gateway is dead. */
let simulator: Simulator;
let killed: GatewayProcess;
let gateway: LocalGateway;
let admin: AdminClient;
/** Upstream has begun it, and half of its answer was sent. */
let begun: Story;
/** Upstream was asked, and has begun nothing. */
let unbegun: Story;
/** Its id had been told before. */
let running: Story;
let intentsLeft: string[];
let askedAt: number;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "spillway-video-crash-"));
  simulator = await startSimulator("none");
  const options = { port: await freePort(), stateDir, adminToken: ADMIN_TOKEN };
  const vars = { ...simulatorVars(simulator.url), SPILLWAY_KEY_SECRET: KEY_SECRET };
  killed = await GatewayProcess.start({ ...options, vars });
  admin = new AdminClient(killed.url, ADMIN_TOKEN);
  await admin.request("PUT", "/admin/plans/videos", { body: PLAN });
  [begun, unbegun, running] = [await newStory(), await newStory(), await newStory()];

  expect((await ask(killed.url, running, "video=2000")).status).toBe(200);
  askedAt = Date.now();
  // Settled from the start: they fail at the moment of the kill, while nobody waits for them yet.
  const unanswered = Promise.allSettled([
    ask(killed.url, begun, "stall_after=0;video=500"),
    ask(killed.url, unbegun, "hang"),
  ]);
  await until("the creation of a video", 30_000, async () => ((await begunUpstream(begun)) === 1 ? true : null));
  await until("the request for the other", 30_000, async () => ((await askedUpstream()) === 3 ? true : null));
  await killed.kill();
  for (const request of await unanswered) expect(request.status).toBe("rejected");

  gateway = await startLocalGateway({
    port: 0,
    stateDir,
    vars: { ...vars, SPILLWAY_ADMIN_TOKEN: ADMIN_TOKEN },
    log: "none",
  });
  admin = new AdminClient(gateway.url, ADMIN_TOKEN);
  intentsLeft = await intents();
});

afterAll(async () => {
  await killed?.kill();
  await gateway?.dispose();
  await simulator?.dispose();
  await rm(stateDir, { recursive: true, force: true });
});

async function newStory(): Promise<Story> {
  return { customer: await makeCustomer(admin, { plan: "videos", credits: "100" }), prompt: `A crash ${randomUUID()}` };
}

/** The same request every time, under the same key. */
function ask(origin: string, { customer, prompt }: Story, simulate = ""): Promise<Response> {
  return fetch(`${origin}/v1/videos`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${customer.key}`,
      "content-type": "application/json",
      "idempotency-key": customer.id,
      "x-simulate": simulate,
    },
    body: JSON.stringify({ model: "sora-2", prompt, seconds: "4" }),
  });
}

async function begunUpstream({ prompt }: Story): Promise<number> {
  const answer = await fetch(`${simulator.url}/simulator/videos`);
  const { videos } = (await answer.json()) as { videos: { prompt: string }[] };
  return videos.filter((video) => video.prompt === prompt).length;
}

async function askedUpstream(): Promise<number> {
  const answer = await fetch(`${simulator.url}/simulator/requests`);
  const { counters } = (await answer.json()) as { counters: { by_route: Record<string, number> } };
  return counters.by_route["POST /v1/videos"] ?? 0;
}

/** Accounts whose requests for a video are noted and have not been heard of since. */
async function intents(): Promise<string[]> {
  const database = await gateway.getD1();
  const { results } = await database.prepare("SELECT account_id FROM job_intents").all<{ account_id: string }>();
  return results.map(({ account_id: account }) => account).sort();
}

/** The minute's cron, as it runs that long after the videos were asked for, however long the restart took. */
function cronAfter(ms: number): Promise<void> {
  return gateway.runCron(new Date(askedAt + ms));
}

interface VideoBody {
  readonly id: string;
  readonly status: string;
}

async function videosOf({ customer }: Story): Promise<VideoBody[]> {
  return ((await readOwn(gateway.url, customer, "/v1/videos")) as { data: VideoBody[] }).data;
}

async function creditsOf({ customer }: Story): Promise<{ available: string; reserved: string; used: string }> {
  const account = (await readOwn(gateway.url, customer, "/api/account")) as { credits: never };
  return account.credits;
}

/** The account's datasets of what was used and what is charged for it. */
async function ledgerOf({ customer }: Story): Promise<{ usage: unknown[]; charges: unknown[] }> {
  const read = async (name: string) => {
    const page = await admin.request("GET", `/admin/accounts/${customer.id}/${name}?limit=500`);
    return (page as { data: unknown[] }).data;
  };
  return { usage: await read("usage-events"), charges: await read("monetization-events") };
}

/** Everything that has ended is in the ledger, and nothing in it is wrong. */
async function expectCleanLedger(): Promise<void> {
  const result = await until("an empty outbox", 60_000, async () => {
    const seen = await admin.request("POST", "/admin/reconciliations", { body: {} });
    const { pending } = seen as { pending: { outbox: number } };
    return pending.outbox === 0 ? seen : null;
  });
  expect(result).toMatchObject({ differences: [], unchecked: [] });
}

describe("a gateway that is killed while upstream begins a video", () => {
  it("has noted what it asked upstream for, and holds its price", async () => {
    expect(intentsLeft).toEqual([begun.customer.id, unbegun.customer.id].sort());
    for (const story of [begun, unbegun]) {
      expect(await creditsOf(story)).toMatchObject({ reserved: PRICE, used: "0.000000" });
      // Whoever asks again is not given a second one.
      expect((await ask(gateway.url, story)).status).toBe(409);
    }
  });

  it("goes on with the one whose id it had told: charged once, although it ended meanwhile", async () => {
    await until("its settlement", 60_000, async () => ((await creditsOf(running)).used === PRICE ? true : null));
    expect((await videosOf(running)).map(({ status }) => status)).toEqual(["completed"]);
    await expectCleanLedger();
    expect(await ledgerOf(running)).toMatchObject({ usage: [{}], charges: [{ amount: PRICE }] });
  });

  it("looks for nothing while the request could still be answered", async () => {
    await cronAfter(MINUTE_MS);
    expect(await videosOf(begun)).toEqual([]);
    expect(await intents()).toEqual(intentsLeft);
  });

  it("finds the one that was begun, gives it to its owner and charges it once", async () => {
    for (let minute = 3; minute < 6; minute += 1) await cronAfter(minute * MINUTE_MS);
    const [found, ...others] = await videosOf(begun);
    expect([found?.status, others]).toEqual(["completed", []]);
    expect(await creditsOf(begun)).toEqual({ available: "90.000000", reserved: "0.000000", used: PRICE });

    const again = await ask(gateway.url, begun);
    expect([again.status, ((await again.json()) as VideoBody).id]).toEqual([200, found?.id]);
    expect(await begunUpstream(begun)).toBe(1);
    await expectCleanLedger();
    expect(await ledgerOf(begun)).toMatchObject({ usage: [{}], charges: [{ amount: PRICE }] });
    expect(await intents()).toEqual([unbegun.customer.id]);
  });

  it("charges nothing for the one that was never begun, and gives up looking for it", async () => {
    await cronAfter(31 * MINUTE_MS);
    expect(await intents()).toEqual([]);
    expect(await videosOf(unbegun)).toEqual([]);
    expect((await creditsOf(unbegun)).used).toBe("0.000000");
    expect(await ledgerOf(unbegun)).toEqual({ usage: [], charges: [] });
    // What is held goes back by itself, with the end of its reservation.
    const pending = (await admin.request("GET", "/admin/reservations?state=pending")) as {
      data: { account: string; reserved_at: string; expires_at: string }[];
    };
    expect(pending.data.map(({ account }) => account)).toEqual([unbegun.customer.id]);
    for (const { reserved_at: from, expires_at: to } of pending.data) {
      expect(Date.parse(to) - Date.parse(from)).toBeLessThanOrEqual(15 * MINUTE_MS);
    }
  });
});
