import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI, { toFile } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminClient } from "../../scripts/admin-client.ts";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";
import { type Customer, makeCustomer, readOwn, until } from "../system/customer.ts";

const ADMIN_TOKEN = "operator-of-the-video-test";
const OLD_SECRET = `whsec_${btoa("the secret that is being replaced")}`;
const NEW_SECRET = `whsec_${btoa("the secret that replaces it now")}`;

/** Four seconds, which cost 10 credits. */
const VIDEO = { model: "sora-2", prompt: "A spillway at dawn", seconds: "4", size: "720x1280" } as const;
const PRICE = "10.000000";
const NOTHING = "0.000000";

const RATE_CARD = {
  models: {
    "sora-2": {
      feature: "sora",
      per_second: { "720x1280": "2.5", "1280x720": "3" },
      per_call: { character: "0.5" },
      source: "made up for this test",
      as_of: "2026-11-22",
    },
  },
};

const SORA = { sora: { models: ["*"] } };
const daily = (unit: string, limit: number) => [
  { id: `daily-${unit}`, features: ["sora"], unit, windows: [{ kind: "anchored", period: "1d", limit }] },
];
const PLANS = {
  open: { name: "Open", features: SORA },
  seconds: { name: "Six seconds a day", features: SORA, allowances: daily("seconds", 6) },
  requests: { name: "One video a day", features: SORA, allowances: daily("requests", 1) },
  "one-at-a-time": {
    name: "One at a time",
    features: SORA,
    gates: [{ id: "running", features: ["sora"], unit: "concurrency", limit: 1 }],
  },
  forgiving: { name: "Forgiving", features: SORA, same_request_within: "1m" },
};

let gateway: LocalGateway;
let admin: AdminClient;
let owner: Customer;

beforeAll(async () => {
  gateway = await startLocalGateway({
    port: 0,
    withSimulator: true,
    vars: {
      SPILLWAY_ADMIN_TOKEN: ADMIN_TOKEN,
      SPILLWAY_KEY_SECRET: "key-secret-of-the-video-test",
      SPILLWAY_WEBHOOK_SECRETS: `${NEW_SECRET}, ${OLD_SECRET}`,
    },
    log: "none",
  });
  admin = new AdminClient(gateway.url, ADMIN_TOKEN);
  await admin.request("PUT", "/admin/rate-cards/default", { body: RATE_CARD });
  for (const [id, plan] of Object.entries(PLANS)) await admin.request("PUT", `/admin/plans/${id}`, { body: plan });
  owner = await makeCustomer(admin, { plan: "open", credits: "1000" });
});

afterAll(async () => {
  await gateway?.dispose();
});

/** What the SDK sent, seen from below it: one entry per HTTP request, retries included. */
interface Sent {
  readonly status: number;
  readonly headers: Headers;
}

interface Client {
  readonly videos: OpenAI["videos"];
  readonly sent: Sent[];
}

interface ClientOptions {
  readonly of?: Customer;
  readonly maxRetries?: number;
  readonly timeout?: number;
  /** Controls of the simulated upstream, for every request of this client. */
  readonly simulate?: string;
}

/** A client as any user makes it: only the base URL and the key are ours. Retries are the SDK's default. */
function clientOf({ of: { key } = owner, maxRetries, timeout, simulate }: ClientOptions = {}): Client {
  const sent: Sent[] = [];
  const { videos } = new OpenAI({
    apiKey: key,
    baseURL: `${gateway.url}/v1`,
    ...(maxRetries === undefined ? {} : { maxRetries }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(simulate === undefined ? {} : { defaultHeaders: { "x-simulate": simulate } }),
    fetch: async (...request: Parameters<typeof fetch>) => {
      const response = await fetch(...request);
      // Before its first form the SDK tries `fetch` on a `data:` URL.
      if (response.url.startsWith(gateway.url)) sent.push({ status: response.status, headers: response.headers });
      return response;
    },
  });
  return { videos, sent };
}

function requestIdOf({ sent }: Client, index = 0): string {
  const id = sent.at(index)?.headers.get("x-request-id");
  if (id === null || id === undefined) throw new Error("There is no x-request-id");
  return id;
}

/** The error with which `call` fails. */
async function errorOf(call: PromiseLike<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  try {
    await call;
  } catch (error) {
    if (error instanceof OpenAI.APIError) return error;
    throw error;
  }
  throw new Error("The call succeeded");
}

/** Polls as the SDK's own examples do. */
async function finished({ videos }: Client, { id }: { readonly id: string }): Promise<OpenAI.Video> {
  return until(`the end of ${id}`, 60_000, async () => {
    const video = await videos.retrieve(id);
    return ["queued", "in_progress"].includes(video.status) ? null : video;
  });
}

interface Share {
  readonly source: string;
  readonly amount: string;
}

interface VideoReceipt {
  readonly model: string;
  readonly sentence: string;
  readonly reservation: { readonly state: string; readonly estimated: string };
  readonly usage: { readonly seconds: number; readonly size: string; readonly outcome: string } | null;
  readonly charge: { readonly amount: string; readonly returned: string; readonly posted: readonly Share[] } | null;
}

async function receiptOf(customer: Customer, requestId: string): Promise<VideoReceipt> {
  const receipt = await readOwn(gateway.url, customer, `/api/requests/${requestId}`);
  if (receipt === null) throw new Error(`There is no receipt of ${requestId}`);
  return receipt as VideoReceipt;
}

interface AccountBody {
  readonly credits: { readonly available: string; readonly reserved: string; readonly used: string };
  readonly allowances: readonly { readonly windows: readonly { readonly used: string; readonly reserved: string }[] }[];
}

async function accountOf(customer: Customer): Promise<AccountBody> {
  return (await readOwn(gateway.url, customer, "/api/account")) as AccountBody;
}

/** Videos that the simulated upstream has begun with this prompt. */
async function begunUpstream(prompt: string): Promise<number> {
  const answer = await fetch(`${gateway.simulatorUrl}/simulator/videos`);
  const { videos } = (await answer.json()) as { videos: { prompt: string }[] };
  return videos.filter((video) => video.prompt === prompt).length;
}

describe("a video through the openai SDK", () => {
  it("is made, polled until it is completed, and charged by its seconds", async () => {
    const client = clientOf({ simulate: "video=600" });
    const video = await client.videos.create(VIDEO);
    expect(video).toMatchObject({ object: "video", status: "queued", seconds: "4", size: "720x1280" });
    const held = await receiptOf(owner, requestIdOf(client));
    expect(held.reservation).toMatchObject({ state: "pending", estimated: PRICE });
    expect(await finished(client, video)).toMatchObject({ id: video.id, status: "completed", progress: 100 });
    expect(await receiptOf(owner, requestIdOf(client))).toMatchObject({
      model: "sora-2",
      sentence: expect.stringMatching(/^Allowed: 10\.00 credits from the grant grt_/),
      reservation: { state: "settled" },
      usage: { seconds: 4, size: "720x1280", outcome: "completed" },
      charge: { amount: PRICE, returned: NOTHING },
    });
  });

  it("takes a reference as a file, or as the address of an image", async () => {
    const client = clientOf({ simulate: "video=50" });
    const picture = await toFile(new Uint8Array(300_000), "reference.png", { type: "image/png" });
    const order = { ...VIDEO, seconds: "8", size: "1280x720" } as const;
    await client.videos.create({ ...order, input_reference: picture });
    await client.videos.create({ ...order, input_reference: { image_url: "https://example.com/reference.png" } });
    for (const index of [0, 1]) {
      expect((await receiptOf(owner, requestIdOf(client, index))).reservation.estimated).toBe("24.000000");
    }
  });

  it("takes a large file behind the fields, and says so where it stands before them", async () => {
    const client = clientOf({ simulate: "video=50" });
    const file = await toFile(new Uint8Array(12 * 1024 * 1024), "reference.mp4", { type: "video/mp4" });
    await client.videos.create({ ...VIDEO, input_reference: file });
    const error = await errorOf(client.videos.create({ input_reference: file, ...VIDEO }));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ code: "fields_after_file" });
    expect(error.message).toContain("Put the text fields before the file.");
  });

  it("is downloaded whole, in part, and as a thumbnail", async () => {
    const client = clientOf({ simulate: "video=1;content=3000000" });
    const video = await client.videos.create(VIDEO);
    await finished(client, video);
    const whole = await client.videos.downloadContent(video.id);
    expect(whole.headers.get("content-type")).toBe("video/mp4");
    const bytes = new Uint8Array(await whole.arrayBuffer());
    expect(bytes.length).toBe(3_000_000);
    expect(bytes.every((byte, index) => byte === index % 251)).toBe(true);

    const part = await client.videos.downloadContent(video.id, {}, { headers: { range: "bytes=1000000-1000009" } });
    expect([part.status, part.headers.get("content-range")]).toEqual([206, "bytes 1000000-1000009/3000000"]);
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(bytes.slice(1_000_000, 1_000_010));

    const thumbnail = await client.videos.downloadContent(video.id, { variant: "thumbnail" });
    expect(thumbnail.headers.get("content-type")).toBe("image/webp");
    expect((await thumbnail.arrayBuffer()).byteLength).toBeGreaterThan(100);
  });

  it("cannot be downloaded before it is completed: one NotFoundError", async () => {
    const client = clientOf({ simulate: "video=60000" });
    const video = await client.videos.create(VIDEO);
    expect(await errorOf(client.videos.downloadContent(video.id))).toBeInstanceOf(OpenAI.NotFoundError);
  });

  it("has an MP4 as its file", async () => {
    const client = clientOf({ simulate: "video=1" });
    const video = await client.videos.create(VIDEO);
    await finished(client, video);
    const bytes = new Uint8Array(await (await client.videos.downloadContent(video.id)).arrayBuffer());
    expect(new TextDecoder().decode(bytes.slice(4, 8))).toBe("ftyp");
  });

  it("is listed page by page by the SDK's own pagination, to its owner alone", async () => {
    const one = await makeCustomer(admin, { plan: "open", credits: "100" });
    const client = clientOf({ of: one, simulate: "video=200" });
    const made: string[] = [];
    for (let count = 0; count < 5; count += 1) made.push((await client.videos.create(VIDEO)).id);
    const listed: string[] = [];
    for await (const video of client.videos.list({ limit: 2, order: "asc" })) listed.push(video.id);
    expect(listed).toEqual(made);
    const stranger = clientOf({ of: await makeCustomer(admin, { plan: "open" }) });
    expect((await stranger.videos.list()).data).toEqual([]);
    expect(await errorOf(stranger.videos.retrieve(made[0] ?? ""))).toBeInstanceOf(OpenAI.NotFoundError);
  });

  it("is remixed, edited and extended, each at its own price", async () => {
    const client = clientOf({ simulate: "video=1" });
    const source = await client.videos.create({ ...VIDEO, seconds: "8" });
    await finished(client, source);
    const steps = [
      { made: () => client.videos.remix(source.id, { prompt: "At dusk" }), seconds: "8", charge: "20.000000" },
      {
        made: () => client.videos.edit({ prompt: "Bluer", video: { id: source.id } }),
        seconds: "8",
        charge: "20.000000",
      },
      // Of an extension only what it adds: the source was charged already.
      {
        made: () => client.videos.extend({ prompt: "And on", seconds: "4", video: { id: source.id } }),
        seconds: "12",
        charge: PRICE,
      },
    ];
    for (const { made, seconds, charge } of steps) {
      const before = client.sent.length;
      const video = await made();
      expect((await finished(client, video)).seconds).toBe(seconds);
      expect((await receiptOf(owner, requestIdOf(client, before))).charge?.amount).toBe(charge);
    }
  });

  it("is deleted for good, and its charge stays", async () => {
    const client = clientOf({ simulate: "video=1" });
    const video = await client.videos.create(VIDEO);
    await finished(client, video);
    expect(await client.videos.delete(video.id)).toMatchObject({ id: video.id, deleted: true });
    expect(await errorOf(client.videos.retrieve(video.id))).toBeInstanceOf(OpenAI.NotFoundError);
    expect(await errorOf(client.videos.downloadContent(video.id))).toBeInstanceOf(OpenAI.NotFoundError);
    expect((await receiptOf(owner, requestIdOf(client))).charge?.amount).toBe(PRICE);
  });

  it("can have a character, which is charged by the piece", async () => {
    const client = clientOf();
    const file = await toFile(new Uint8Array(10_000), "otto.mp4", { type: "video/mp4" });
    const { id } = await client.videos.createCharacter({ name: "Otto", video: file });
    expect((await receiptOf(owner, requestIdOf(client))).charge?.amount).toBe("0.500000");
    expect(await client.videos.getCharacter(id ?? "")).toMatchObject({ id, name: "Otto" });
  });
});

describe("what is not made is not paid", () => {
  it.each([
    ["fails", "video=50;failed", "video_generation_failed"],
    ["is moderated", "video=50;moderated", "moderation_blocked"],
  ])("a video that %s gives back its allowance and its credits", async (_, simulate, code) => {
    const one = await makeCustomer(admin, { plan: "seconds", credits: "100" });
    const before = await accountOf(one);
    const client = clientOf({ of: one, simulate });
    // Six seconds of the allowance and two of credits.
    const video = await client.videos.create({ ...VIDEO, seconds: "8" });
    expect((await accountOf(one)).credits.reserved).toBe("5.000000");
    expect(await finished(client, video)).toMatchObject({ status: "failed", error: { code } });
    expect(await receiptOf(one, requestIdOf(client))).toMatchObject({
      sentence: expect.stringMatching(/^Not charged: .* the 20\.00 credits that were reserved went back\.$/),
      reservation: { state: "released" },
      usage: { outcome: "failed" },
      charge: { amount: NOTHING, returned: "20.000000" },
    });
    const after = await accountOf(one);
    expect(after.credits).toEqual(before.credits);
    expect(after.allowances[0]?.windows[0]).toMatchObject({ used: "0", reserved: "0" });
  });

  it("nor is what upstream refuses, which the SDK shows in upstream's own words", async () => {
    const client = clientOf({ simulate: "status=400;code=too_funny" });
    const error = await errorOf(client.videos.create(VIDEO));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error.code).toBe("too_funny");
    expect(await receiptOf(owner, requestIdOf(client))).toMatchObject({
      reservation: { state: "released" },
      charge: { amount: NOTHING },
    });
  });
});

describe("included use first, and credits for the rest", () => {
  it("in seconds per day: one video may be paid by both", async () => {
    const one = await makeCustomer(admin, { plan: "seconds", credits: "5" });
    const client = clientOf({ of: one, simulate: "video=1", maxRetries: 0 });
    const paid: unknown[] = [];
    for (const index of [0, 1]) {
      const before = client.sent.length;
      await finished(client, await client.videos.create(VIDEO));
      paid.push((await receiptOf(one, requestIdOf(client, before))).charge?.posted.map(({ amount }) => amount));
      expect(client.sent[before]?.headers.get("spillway-decision")).toBe(
        index === 0 ? "allow; allowance=10.000000" : "allow; allowance=5.000000; grant=5.000000",
      );
    }
    expect(paid).toEqual([[PRICE], ["5.000000", "5.000000"]]);
    expect((await accountOf(one)).allowances[0]?.windows[0]).toMatchObject({ used: "6", reserved: "0" });
  });

  it("in videos per day", async () => {
    const one = await makeCustomer(admin, { plan: "requests", credits: "10" });
    const client = clientOf({ of: one, simulate: "video=1" });
    for (const [used, available] of [
      ["1", "10.000000"],
      ["1", NOTHING],
    ]) {
      await finished(client, await client.videos.create(VIDEO));
      const account = await accountOf(one);
      expect([account.allowances[0]?.windows[0]?.used, account.credits.available]).toEqual([used, available]);
    }
  });

  it("and when both are used up, the SDK stops at one RateLimitError in our words", async () => {
    const one = await makeCustomer(admin, { plan: "requests" });
    const client = clientOf({ of: one, simulate: "video=1" });
    const video = await client.videos.create(VIDEO);
    await finished(client, video);
    const before = client.sent.length;
    const error = await errorOf(client.videos.create(VIDEO));
    expect(client.sent.length - before).toBe(1);
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ type: "usage_limit_reached", code: "insufficient_quota" });
    expect(error.message).toMatch(/Your included use is used up\. This request may cost 10\.00 credits; 0\.00 credits/);
    const { resets_at: resetsAt } = error.error as { resets_at: number };
    expect((resetsAt - Date.now() / 1_000) / 3_600).toBeGreaterThan(23);
    // Reading, downloading and listing go on without anything.
    expect((await client.videos.downloadContent(video.id)).status).toBe(200);
    expect((await client.videos.list()).data).toHaveLength(1);
  });

  it("a gate on running videos lets the next one through when the first has ended", async () => {
    const one = await makeCustomer(admin, { plan: "one-at-a-time", credits: "100" });
    const client = clientOf({ of: one, simulate: "video=1200", maxRetries: 0 });
    const first = await client.videos.create(VIDEO);
    const error = await errorOf(client.videos.create(VIDEO));
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ code: "rate_limit_exceeded", message: expect.stringContaining("the limit running") });
    expect(Number(error.headers?.get("retry-after"))).toBeGreaterThanOrEqual(1);
    await finished(client, first);
    expect((await client.videos.create(VIDEO)).status).toBe("queued");
  });
});

describe("one video, although it was asked for more than once", () => {
  it("a lost answer is told once, not repeated by the SDK, and the video is found again and charged once", async () => {
    const one = await makeCustomer(admin, { plan: "forgiving", credits: "100" });
    const prompt = `Lost ${randomUUID()}`;
    const client = clientOf({ of: one, simulate: "lose_answer;video=100" });
    const error = await errorOf(client.videos.create({ ...VIDEO, prompt }));
    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    expect(error).toMatchObject({ status: 502, code: "creation_unknown" });
    expect(client.sent).toHaveLength(1);
    expect(await begunUpstream(prompt)).toBe(1);
    expect((await receiptOf(one, requestIdOf(client))).reservation.state).toBe("pending");

    await gateway.runCron(new Date(Date.now() + 3 * 60_000));
    const { data } = await client.videos.list();
    expect(data).toHaveLength(1);
    // A list tells no prompt of a video that was seen to have ended.
    for (const video of data) expect((await finished(client, video)).prompt).toBe(prompt);
    expect((await receiptOf(one, requestIdOf(client))).charge?.amount).toBe(PRICE);
    expect((await accountOf(one)).credits).toMatchObject({ used: PRICE, reserved: NOTHING });
  });

  it("a client that gives up waiting and repeats without a key is shown the same video, where the plan says so", async () => {
    const one = await makeCustomer(admin, { plan: "forgiving", credits: "100" });
    // The answer takes longer than the client's patience. The prompt is the only place that says it for creations alone.
    const prompt = `Slow ${randomUUID()} [simulate: first=1500;video=100]`;
    const client = clientOf({ of: one, timeout: 700, maxRetries: 5 });
    const video = await client.videos.create({ ...VIDEO, prompt });
    expect(client.sent.at(-1)?.headers.get("idempotent-replayed")).toBe("true");
    expect(client.sent.length).toBeGreaterThanOrEqual(2);
    await finished(client, video);
    expect(await begunUpstream(prompt)).toBe(1);
    expect((await client.videos.list()).data).toHaveLength(1);
    expect((await accountOf(one)).credits).toMatchObject({ used: PRICE, reserved: NOTHING });
  });

  it("an Idempotency-Key shows the same video while it is made and afterwards, and refuses another content", async () => {
    const one = await makeCustomer(admin, { plan: "open", credits: "100" });
    // It is queued for a fifth of that time.
    const client = clientOf({ of: one, simulate: "video=6000" });
    const options = { headers: { "idempotency-key": "order-1" } };
    const first = await client.videos.create(VIDEO, options);
    const second = await client.videos.create(VIDEO, options);
    expect(second.id).toBe(first.id);
    expect(["queued", "in_progress"]).toContain(second.status);
    await finished(client, first);
    expect(await client.videos.create(VIDEO, options)).toMatchObject({ id: first.id, status: "completed" });
    const error = await errorOf(client.videos.create({ ...VIDEO, seconds: "8" }, options));
    expect(error).toBeInstanceOf(OpenAI.UnprocessableEntityError);
    expect(error.code).toBe("idempotency_key_reused");
    expect((await accountOf(one)).credits).toMatchObject({ used: PRICE, reserved: NOTHING });
  });
});

interface UsageEvent {
  readonly id: string;
  readonly request_id: string;
}
interface MonetizationEvent {
  readonly id: string;
  readonly usage_event: string;
  readonly amount: string;
}
interface BalanceUpdate {
  readonly kind: string;
  readonly amount: string;
  readonly monetization_event: string | null;
}

/** One of an account's datasets, which fits into one page here. */
async function dataset<Row>({ id }: Customer, name: string): Promise<Row[]> {
  const page = await admin.request("GET", `/admin/accounts/${id}/${name}?limit=500`);
  return (page as { data: Row[] }).data;
}

/** Everything that a request left in the three datasets. */
async function ledgerOf(customer: Customer, requestId: string) {
  const usage = (await dataset<UsageEvent>(customer, "usage-events")).filter(
    ({ request_id }) => request_id === requestId,
  );
  const used = new Set(usage.map(({ id }) => id));
  const charges = (await dataset<MonetizationEvent>(customer, "monetization-events")).filter(({ usage_event }) =>
    used.has(usage_event),
  );
  const charged = new Set(charges.map(({ id }) => id));
  const updates = (await dataset<BalanceUpdate>(customer, "balance-updates")).filter(
    ({ monetization_event: cause }) => cause !== null && charged.has(cause),
  );
  return { usage, charges, updates };
}

interface Reconciliation {
  readonly pending: { readonly reservations: number; readonly outbox: number };
  readonly differences: readonly unknown[];
  readonly unchecked: readonly unknown[];
}

async function reconciled({ id }: Customer): Promise<Reconciliation> {
  return until("an empty outbox", 60_000, async () => {
    const result = (await admin.request("POST", "/admin/reconciliations", { body: { account: id } })) as Reconciliation;
    return result.pending.outbox === 0 ? result : null;
  });
}

describe("upstream tells by webhook that a video has ended", () => {
  /** What is told before the object's first poll shows only in real time: a machine that stalls just then is asked again. */
  const AGAIN = { retry: 3 };
  const webhook = (secret: string) => `webhook=${gateway.url}/webhooks/upstream;webhook_secret=${secret}`;

  it.each([
    ["the new", NEW_SECRET],
    ["the old", OLD_SECRET],
  ])("and it is settled at once, although nobody asks after it, by %s secret", AGAIN, async (_, secret) => {
    const client = clientOf({ simulate: `video=300;${webhook(secret)}` });
    await client.videos.create(VIDEO);
    // The account's object itself asks for the first time after five seconds.
    const receipt = await until("the settlement", 3_500, async () => {
      const seen = await receiptOf(owner, requestIdOf(client));
      return seen.reservation.state === "pending" ? null : seen;
    });
    expect(receipt.charge?.amount).toBe(PRICE);
  });

  it("and one that is signed by somebody else settles nothing", AGAIN, async () => {
    const client = clientOf({ simulate: `video=300;${webhook(`whsec_${btoa("a secret of somebody else")}`)}` });
    await client.videos.create(VIDEO);
    await sleep(1_500);
    expect((await receiptOf(owner, requestIdOf(client))).reservation.state).toBe("pending");
  });

  it("two readers, the object's own poll and a webhook that comes twice settle it exactly once", AGAIN, async () => {
    const one = await makeCustomer(admin, { plan: "seconds", credits: "100" });
    // It ends when the object's first poll is due.
    const client = clientOf({ of: one, simulate: `video=5000;webhook_twice;${webhook(NEW_SECRET)}` });
    const { id } = await client.videos.create({ ...VIDEO, seconds: "8" });
    await sleep(4_700);
    const readUntil = Date.now() + 2_500;
    const read = async (ask: () => Promise<unknown>) => {
      while (Date.now() < readUntil) {
        await ask();
        await sleep(60);
      }
    };
    await Promise.all([read(() => client.videos.retrieve(id)), read(async () => client.videos.list())]);
    const asked = await askedAfter(id);
    expect(asked.client).toBeGreaterThan(10);
    expect(asked.gateway).toBeGreaterThanOrEqual(2);

    expect(await reconciled(one)).toMatchObject({
      pending: { reservations: 0, outbox: 0, stale_reservations: 0 },
      differences: [],
      unchecked: [],
    });
    const { usage, charges, updates } = await ledgerOf(one, requestIdOf(client));
    expect(usage).toMatchObject([{ usage: { seconds: 8, outcome: "completed" } }]);
    expect(charges).toMatchObject([{ amount: "20.000000" }]);
    expect(updates.map(({ kind, amount }) => [kind, amount])).toEqual(
      expect.arrayContaining([
        ["allowance", "15.000000"],
        ["debit", "5.000000"],
      ]),
    );
    expect(updates).toHaveLength(2);
    const account = await accountOf(one);
    expect(account.credits).toEqual({ available: "95.000000", reserved: NOTHING, used: "5.000000" });
    expect(account.allowances[0]?.windows[0]).toMatchObject({ used: "6", reserved: "0" });
  });

  /** Who asked upstream after a video: clients, whose SDK names itself, or the gateway of its own accord. */
  async function askedAfter(id: string): Promise<{ client: number; gateway: number }> {
    const answer = await fetch(`${gateway.simulatorUrl}/simulator/requests`);
    const { requests } = (await answer.json()) as { requests: { path: string; headers: Record<string, string> }[] };
    const asked = requests.filter(({ path }) => path === `/v1/videos/${id}`);
    const ofClients = asked.filter(({ headers }) => headers["user-agent"]?.startsWith("OpenAI/JS"));
    return { client: ofClients.length, gateway: asked.length - ofClients.length };
  }
});
