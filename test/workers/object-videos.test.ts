import { evictDurableObject } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { HeldRequest, ReserveReply } from "../../durable-objects/commands.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import type { ReserveCommand } from "../../src/core/reserve.ts";
import type { MadeResource } from "../../src/core/resource.ts";
import { mintRequestId } from "../../src/http/request-id.ts";
import { demandOf, HOUR, MINUTE, reportOf, usageOf, VIDEO_RATE } from "../support/core-fixtures.ts";
import {
  accountOf,
  eventually,
  newAccount,
  newKey,
  openGateway,
  putPlan,
  stubOf,
  type TestAccount,
} from "../support/gateway.ts";
import { objects, outboxOf, reserveRequest, runAlarm, sqlOf } from "../support/object.ts";
import type { PlanInput } from "../support/offer.ts";

const SIZE = "720x1280";
const QUOTE = { cardId: "default", cardVersion: 1, model: "sora-2", rate: VIDEO_RATE };
const BERLIN_DAY = { kind: "calendar", period: "day", time_zone: "Europe/Berlin" };

const UNREPEATED: PlanInput = {
  name: "Videos",
  features: { codex: { models: ["*"] }, sora: { models: ["*"] } },
  gates: [{ id: "in-flight", features: ["sora"], unit: "concurrency", limit: 2 }],
  allowances: [{ id: "seconds", features: ["sora"], unit: "seconds", windows: [{ ...BERLIN_DAY, limit: 10 }] }],
};
const VIDEOS = { ...UNREPEATED, same_request_within: "2m" };

beforeAll(async () => {
  await openGateway();
  await putPlan("videos", VIDEOS);
  await putPlan("videos-unrepeated", UNREPEATED);
});

afterEach(() => {
  vi.useRealTimers();
});

/** Moves the clock of everything, without waiting. */
function wait(ms: number): void {
  const now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(now + ms);
}

/** A winter's day to come. */
const NOON_IN_BERLIN = Date.UTC(new Date().getUTCFullYear() + 1, 0, 15, 11);

/** Sets the clock of everything to noon of a day in Berlin. */
function atNoon(): void {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(NOON_IN_BERLIN);
}

function ask(account: TestAccount, seconds: number, part: Partial<ReserveCommand> = {}): Promise<ReserveReply> {
  const bound = usageOf({ seconds, size: SIZE });
  const demand = demandOf(0, { feature: "sora", model: "sora-2", quote: QUOTE, bound });
  return objects.reserve(account.id, reserveRequest(account, mintRequestId(), 0, { demand, ...part }));
}

/** A video that upstream has taken on under `id`. */
async function begin(
  account: TestAccount,
  id: string,
  seconds: number,
  part: Partial<ReserveCommand> = {},
): Promise<HeldRequest> {
  const reply = await ask(account, seconds, part);
  if (reply.kind !== "reserved") throw new Error(`not reserved: ${JSON.stringify(reply)}`);
  const { requestId, attempt } = reply.reservation;
  expect(await objects.attach(account.id, { requestId, attempt, made: videoOf(id), holdMs: 6 * HOUR })).toBe(true);
  return reply.reservation;
}

function videoOf(id: string): MadeResource {
  return { id, kind: "video", upstream: "openai", contextTokens: 0, outputTokens: 0, itemIds: [] };
}

function finish(account: TestAccount, { requestId, attempt }: HeldRequest, seconds: number) {
  const report = reportOf(usageOf({ seconds, size: SIZE }));
  return objects.settle(account.id, { requestId, attempt, report });
}

async function credits(account: TestAccount): Promise<string[]> {
  const { available, reserved, used } = (await accountOf(account)).credits;
  return [available, reserved, used].map((amount) => String(Number(amount)));
}

/** Used, reserved and remaining seconds of the day. */
async function seconds(account: TestAccount): Promise<number[]> {
  const [window] = (await accountOf(account)).allowances.flatMap(({ windows }) => windows);
  return [window?.used, window?.reserved, window?.remaining].map(Number);
}

// X13
describe("a request for a video that its client sends again without a key", () => {
  const content = "a cat on a skateboard";
  const AGAIN = { content, repeats: { content } };
  const workOf = async (account: TestAccount) => (await objects.work(account.id)).rowsWritten;

  test("is answered with the job that the first one began, and costs and writes nothing", async () => {
    const account = await newAccount({ plan: "videos", credits: "100" });
    await eventually(async () => expect(await outboxOf(account)).toEqual([]));
    // The object does not ask after the job meanwhile.
    wait(HOUR);
    const first = await begin(account, "video_first", 8, { content });
    const before = { credits: await credits(account), rows: await workOf(account) };
    for (let retry = 1; retry <= 3; retry += 1) {
      expect(await ask(account, 8, AGAIN)).toMatchObject({
        kind: "repeated",
        reservation: { requestId: first.requestId, state: "pending", job: "video_first" },
        limits: { gates: [{ id: "in-flight", remaining: 1 }] },
      });
    }
    expect({ credits: await credits(account), rows: await workOf(account) }).toEqual(before);
    await finish(account, first, 8);
    expect(await credits(account)).toEqual(["100", "0", "0"]);
  });

  test("is found after an eviction, and before upstream has answered the first one", async () => {
    const account = await newAccount({ plan: "videos", credits: "100" });
    const first = await ask(account, 8, { content });
    if (first.kind !== "reserved") throw new Error(first.kind);
    await evictDurableObject(stubOf(account));
    const again = await ask(account, 8, AGAIN);
    expect(again).toMatchObject({ kind: "repeated", reservation: { requestId: first.reservation.requestId } });
    expect(again).not.toHaveProperty("reservation.job");
  });

  test("is another one without that word, by another key, for another video, or after the plan's time", async () => {
    const account = await newAccount({ plan: "videos", credits: "1000" });
    await begin(account, "video_first", 4, { content });
    const other = { id: account.id, key: (await newKey(account.id)).key };
    const cases: [TestAccount, Partial<ReserveCommand>][] = [
      [account, { content }],
      [other, AGAIN],
      [account, { content: "a dog", repeats: { content: "a dog" } }],
    ];
    for (const [who, part] of cases) {
      const reply = await ask(who, 4, part);
      if (reply.kind !== "reserved") throw new Error(`${JSON.stringify(part)}: ${reply.kind}`);
      const { requestId, attempt } = reply.reservation;
      await objects.release(account.id, { requestId, attempt, outcome: "rejected" });
    }
    wait(2 * MINUTE + 1);
    expect(await ask(account, 4, AGAIN)).toMatchObject({ kind: "reserved" });
  });

  test("is another one once the first has come to its end", async () => {
    const account = await newAccount({ plan: "videos", credits: "100" });
    const first = await begin(account, "video_first", 4, { content });
    const { requestId, attempt } = first;
    await objects.release(account.id, { requestId, attempt, outcome: "upstream_error" });
    expect(await ask(account, 4, AGAIN)).toMatchObject({ kind: "reserved" });
  });

  test("is another one where the plan does not say so", async () => {
    const account = await newAccount({ plan: "videos-unrepeated", credits: "100" });
    await begin(account, "video_first", 4, { content });
    expect(await ask(account, 4, AGAIN)).toMatchObject({ kind: "reserved" });
  });

  test("is another one on an account whose plan and request were stored before plans could say so", async () => {
    const account = await newAccount({ plan: "videos", credits: "100" });
    await begin(account, "video_first", 4, { content });
    await sqlOf(account, "UPDATE plan SET document = json_remove(document, '$.sameRequestMs')");
    await evictDurableObject(stubOf(account));
    const reply = await ask(account, 4, AGAIN);
    expect(reply).toMatchObject({ kind: "reserved" });
  });

  test("a key that was revoked is told of no job", async () => {
    const account = await newAccount({ plan: "videos", credits: "100" });
    const { id, key } = await newKey(account.id);
    const other = { id: account.id, key };
    await begin(other, "video_first", 4, { content });
    await objects.revokeKey(account.id, id);
    expect(await ask(other, 4, AGAIN)).toEqual({ kind: "key_refused" });
  });
});

describe("the seconds of a day", () => {
  test("pay for videos before credits do, in one request with them, and come back", async () => {
    atNoon();
    const account = await newAccount({ plan: "videos", credits: "100" });
    const first = await begin(account, "video_1", 8);
    expect(await seconds(account)).toEqual([0, 8, 2]);
    const second = await begin(account, "video_2", 8);
    expect(second.draws.map(({ source, amount }) => [source.slice(0, 4), amount])).toEqual([
      ["seco", 5_000_000],
      ["grt_", 15_000_000],
    ]);
    expect(await seconds(account)).toEqual([0, 10, 0]);
    expect(await credits(account)).toEqual(["85", "15", "0"]);
    // One is shorter than asked for, the other one fails.
    await finish(account, first, 4);
    await objects.release(account.id, { requestId: second.requestId, attempt: 1, outcome: "failed" });
    expect(await seconds(account)).toEqual([4, 0, 6]);
    expect(await credits(account)).toEqual(["100", "0", "0"]);
  });

  test("wait until midnight of their place, and are there again", async () => {
    atNoon();
    const account = await newAccount({ plan: "videos" });
    await finish(account, await begin(account, "video_1", 8), 8);
    const denial = { reason: "allowance_exhausted", limit: "seconds", resetsAt: NOON_IN_BERLIN + 12 * HOUR };
    expect(await ask(account, 4)).toMatchObject({ kind: "denied", denial });
    wait(12 * HOUR);
    expect(await ask(account, 4)).toMatchObject({ kind: "reserved" });
  });

  test("a video for hours keeps its slot, and its seconds belong to the day on which it began", async () => {
    atNoon();
    const account = await newAccount({ plan: "videos" });
    wait(9 * HOUR);
    const first = await begin(account, "video_1", 4);
    await begin(account, "video_2", 4);
    wait(5 * HOUR);
    await runAlarm(account);
    expect(await ask(account, 4)).toMatchObject({ kind: "denied", denial: { reason: "gate", limit: "in-flight" } });
    await evictDurableObject(stubOf(account));
    await finish(account, first, 4);
    expect(await seconds(account)).toEqual([0, 0, 10]);
    expect(await ask(account, 4)).toMatchObject({ kind: "reserved" });
  });

  test("of a video that outlives its reservation are counted once, when its end is known", async () => {
    atNoon();
    const account = await newAccount({ plan: "videos", credits: "100" });
    const first = await begin(account, "video_1", 12);
    wait(6 * HOUR + MINUTE);
    await runAlarm(account);
    const [stored] = await sqlOf<{ body: string }>(account, "SELECT body FROM ended_reservations");
    expect((JSON.parse(stored?.body ?? "{}") as Reservation).state).toBe("expired");
    expect([await seconds(account), await credits(account)]).toEqual([
      [0, 0, 10],
      ["100", "0", "0"],
    ]);
    const late = await finish(account, first, 12);
    expect(await finish(account, first, 12)).toEqual(late);
    expect([await seconds(account), await credits(account)]).toEqual([
      [10, 0, 0],
      ["95", "0", "5"],
    ]);
  });
});
