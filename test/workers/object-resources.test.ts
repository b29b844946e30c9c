import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { HeldRequest, ReserveReply } from "../../durable-objects/commands.ts";
import type { JobMessage } from "../../durable-objects/resource-commands.ts";
import type { References } from "../../src/core/continuation.ts";
import type { ReserveCommand } from "../../src/core/reserve.ts";
import type { MadeResource } from "../../src/core/resource.ts";
import type { Env } from "../../src/env.ts";
import { mintRequestId } from "../../src/http/request-id.ts";
import {
  credits,
  DAY,
  demandOf,
  HOUR,
  MINUTE,
  PLAIN_RATE,
  reportOf,
  SECOND,
  usageOf,
  worth,
} from "../support/core-fixtures.ts";
import {
  accountOf,
  asOperator,
  eventually,
  newAccount,
  newKey,
  openGateway,
  stubOf,
  type TestAccount,
} from "../support/gateway.ts";
import { alarmAt, breakStorage, hold, objects, outboxOf, reserveRequest, runAlarm, sqlOf } from "../support/object.ts";

beforeAll(openGateway);
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const evict = (account: { id: string }) => evictDurableObject(stubOf(account));

/** Moves the clock of everything, without waiting; it stands still then, so that what is due later does not come by itself. */
function wait(ms: number): void {
  const now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(now + ms);
}

async function balance(account: TestAccount): Promise<string[]> {
  const { available, reserved, used } = (await accountOf(account)).credits;
  return [available, reserved, used].map((amount) => String(Number(amount)));
}

const callerOf = (account: TestAccount) => reserveRequest(account, mintRequestId(), 1).caller;

function made(id: string, part: Partial<MadeResource> = {}): MadeResource {
  return { id, kind: "response", upstream: "openai", contextTokens: 30, outputTokens: 4, itemIds: [], ...part };
}

/** A request of the account that has made `resource`. */
async function make(account: TestAccount, resource: MadeResource): Promise<HeldRequest> {
  const reservation = await hold(account, 1);
  const { requestId, attempt } = reservation;
  await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(1)), made: resource });
  return reservation;
}

/** One credit for each token, of input and of output. */
const TOKEN_RATE = { ...PLAIN_RATE, tokens: { input: 1e12, cachedInput: 1e12, cacheWrite: 2e12, output: 1e12 } };
const TOKEN_QUOTE = { cardId: "default", cardVersion: 1, model: "gpt-5.4", rate: TOKEN_RATE };

/** Reserves a request of 10 tokens of input and 5 of output that names something. */
function goOn(
  account: TestAccount,
  references: Partial<References>,
  part: Partial<ReserveCommand> = {},
  bound = usageOf({ inputTokens: 10, outputTokens: 5 }),
): Promise<ReserveReply> {
  const demand = demandOf(0, { quote: TOKEN_QUOTE, bound });
  const request = reserveRequest(account, mintRequestId(), 0, { demand, ...part });
  return objects.reserve(account.id, { ...request, references: { previousResponse: null, items: [], ...references } });
}

function reservedOf(reply: ReserveReply): number {
  if (reply.kind !== "reserved") throw new Error(`not reserved: ${JSON.stringify(reply)}`);
  return reply.reservation.reserved / credits(1);
}

const resourceOf = (account: TestAccount, id: string) => objects.resource(account.id, callerOf(account), id);

describe("what a request names must be the account's own", () => {
  test("a response id of another account is unknown, as is one that nobody has", async () => {
    const [mine, theirs] = [await newAccount({ credits: "100" }), await newAccount({ credits: "100" })];
    await make(theirs, made("resp_theirs", { itemIds: ["msg_theirs"] }));
    for (const references of [
      { previousResponse: "resp_theirs" },
      { previousResponse: "resp_none" },
      { items: ["msg_theirs"] },
      { items: ["msg_none"] },
    ]) {
      const id = references.previousResponse ?? references.items?.[0];
      expect(await goOn(mine, references)).toEqual({ kind: "unknown_reference", id, inFlight: false });
    }
    expect(await resourceOf(mine, "resp_theirs")).toEqual({
      kind: "unknown_reference",
      id: "resp_theirs",
      inFlight: false,
    });
    expect(await resourceOf(theirs, "resp_theirs")).toMatchObject({ kind: "resource" });
  });

  test("an unknown name writes nothing and is no denial; it tells whether the answer may yet come", async () => {
    const account = await newAccount({ credits: "100" });
    await make(account, made("resp_first"));
    await runAlarm(account);
    await eventually(async () => expect(await outboxOf(account)).toEqual([]));
    const { requestId, attempt } = await hold(account, 1);
    const before = await objects.work(account.id);
    expect(await goOn(account, { previousResponse: "resp_next" })).toMatchObject({ inFlight: true });
    expect((await objects.work(account.id)).rowsWritten).toBe(before.rowsWritten);
    await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(1)), made: made("resp_next") });
    expect(await goOn(account, { previousResponse: "resp_next" })).toMatchObject({ kind: "reserved" });
    await runAlarm(account);
    const denied = (await outboxOf(account)).filter(({ usage }) => usage?.outcome === "denied");
    expect(denied).toEqual([]);
  });

  test("a key that was revoked is told nothing", async () => {
    const account = await newAccount({ credits: "100" });
    const { id, key } = await newKey(account.id);
    await make(account, made("resp_kept"));
    const other = { id: account.id, key };
    expect(await resourceOf(other, "resp_kept")).toMatchObject({ kind: "resource" });
    await asOperator("DELETE", `/admin/accounts/${account.id}/keys/${id}`);
    expect(await resourceOf(other, "resp_kept")).toEqual({ kind: "key_refused" });
    expect(await goOn(other, { previousResponse: "resp_none" })).toEqual({ kind: "key_refused" });
    const query = { kind: "response", limit: 10, after: null, order: "desc" } as const;
    expect(await objects.resources(account.id, callerOf(other), query)).toEqual({ kind: "key_refused" });
  });
});

describe("what a request goes on from is reserved as its input", () => {
  test("the previous response's whole context, and the outputs of which it names items", async () => {
    const account = await newAccount({ credits: "10000" });
    await make(account, made("resp_1", { contextTokens: 30, outputTokens: 4, itemIds: ["msg_1", "rs_1"] }));
    await make(account, made("resp_2", { contextTokens: 50, outputTokens: 7, itemIds: ["msg_2"] }));
    const cases: [Partial<References>, number][] = [
      [{}, 15],
      [{ previousResponse: "resp_1" }, 45],
      [{ items: ["msg_1", "rs_1"] }, 19],
      [{ previousResponse: "resp_2", items: ["msg_1", "msg_2"] }, 15 + 50 + 4],
    ];
    for (const [references, expected] of cases) {
      const reply = await goOn(account, references);
      expect([references, reservedOf(reply)]).toEqual([references, expected]);
      const upstream = Object.keys(references).length === 0 ? null : "openai";
      expect(reply).toMatchObject({ upstream });
    }
    const written = await goOn(
      account,
      { previousResponse: "resp_1" },
      {},
      usageOf({ inputTokens: 10, cacheWriteTokens: 10 }),
    );
    expect(reservedOf(written)).toBe(80);
  });

  test("a quote says the same as the reservation, and no more than that happens", async () => {
    const account = await newAccount({ credits: "100" });
    await make(account, made("resp_quoted", { contextTokens: 30 }));
    const { keyId: _, ...demand } = demandOf(0, { quote: TOKEN_QUOTE, bound: usageOf({ inputTokens: 10 }) });
    const quote = (previousResponse: string) =>
      objects.quote(account.id, {
        caller: callerOf(account),
        references: { previousResponse, items: [] },
        demand,
      });
    expect(await quote("resp_quoted")).toMatchObject({ decision: { outcome: "allowed", reserved: credits(40) } });
    expect(await quote("resp_none")).toEqual({ kind: "unknown_reference", id: "resp_none", inFlight: false });
    expect(await balance(account)).toEqual(["99", "0", "1"]);
  });

  test("more than the account has is denied for what it would really cost", async () => {
    const account = await newAccount({ credits: "50" });
    await make(account, made("resp_long", { contextTokens: 100 }));
    expect(await goOn(account, { previousResponse: "resp_long" })).toMatchObject({
      kind: "denied",
      denial: { reason: "credits_exhausted", needed: credits(115) },
    });
  });

  test("what different upstreams keep cannot be named together", async () => {
    const account = await newAccount({ credits: "100" });
    await make(account, made("resp_here", { itemIds: ["msg_here"] }));
    await make(account, made("resp_there", { upstream: "azure", itemIds: ["msg_there"] }));
    expect(await goOn(account, { previousResponse: "resp_there" })).toMatchObject({ upstream: "azure" });
    const mixed = await goOn(account, { previousResponse: "resp_here", items: ["msg_there"] });
    expect(mixed).toMatchObject({ kind: "unknown_reference", id: "msg_there" });
  });

  test("a repetition gets the same answer, although what it names is gone", async () => {
    const account = await newAccount({ credits: "100" });
    await make(account, made("resp_gone"));
    const requestId = mintRequestId();
    const first = await goOn(account, { previousResponse: "resp_gone" }, { requestId });
    expect(first).toMatchObject({ kind: "reserved", upstream: "openai" });
    expect(await objects.forgetResource(account.id, "resp_gone")).toBe(true);
    await evict(account);
    expect(await goOn(account, { previousResponse: "resp_gone" }, { requestId })).toEqual(first);
    expect(await goOn(account, { previousResponse: "resp_gone" })).toMatchObject({ kind: "unknown_reference" });
  });

  test("items are found after an eviction, also those that were made since", async () => {
    const account = await newAccount({ credits: "1000" });
    await make(account, made("resp_old", { itemIds: ["msg_old"] }));
    await evict(account);
    expect(await goOn(account, { items: ["msg_old"] })).toMatchObject({ kind: "reserved" });
    await make(account, made("resp_new", { itemIds: ["msg_new"] }));
    expect(await goOn(account, { items: ["msg_old", "msg_new"] })).toMatchObject({ kind: "reserved" });
  });

  test("only the items of the thousand newest responses can be named", async () => {
    const account = await newAccount({ credits: "100" });
    await make(account, made("resp_oldest", { itemIds: ["msg_oldest"] }));
    await sqlOf(
      account,
      `INSERT INTO resources SELECT 'resp_many' || value, 'response', 'openai', 'm', 'req', 1, created_at + value, 1, 1,
         '["msg_many' || value || '"]', NULL, NULL, 0 FROM resources, json_each(?) WHERE resources.id = 'resp_oldest'`,
      JSON.stringify(Array.from({ length: 1_000 }, (_, index) => index + 1)),
    );
    await evict(account);
    expect(await goOn(account, { items: ["msg_oldest"] })).toMatchObject({ kind: "unknown_reference" });
    expect(await goOn(account, { items: ["msg_many1", "msg_many1000"] })).toMatchObject({ kind: "reserved" });
    // The response itself is found for as long as upstream keeps it.
    expect(await goOn(account, { previousResponse: "resp_oldest" })).toMatchObject({ kind: "reserved" });
  });
});

describe("what a settlement reports to have been made", () => {
  test("costs two rows, and none where nothing was made", async () => {
    const account = await newAccount({ credits: "100" });
    await eventually(async () => expect(await outboxOf(account)).toEqual([]));
    const rowsOf = async (resource: MadeResource | null): Promise<number> => {
      const { requestId, attempt } = await hold(account, 1);
      const before = await objects.work(account.id);
      const settled = { requestId, attempt, report: reportOf(worth(1)) };
      await objects.settle(account.id, resource ? { ...settled, made: resource } : settled);
      return (await objects.work(account.id)).rowsWritten - before.rowsWritten;
    };
    const plain = await rowsOf(null);
    // The resource, and its place in the order of age.
    expect(await rowsOf(made("resp_rows"))).toBe(plain + 2);
  });

  test("is stored once, with the first report, and by whichever report tells of it", async () => {
    const account = await newAccount({ credits: "100" });
    const { requestId, attempt } = await hold(account, 5);
    const settle = (resource: MadeResource | null) =>
      objects.settle(account.id, {
        requestId,
        attempt,
        report: reportOf(worth(2)),
        ...(resource ? { made: resource } : {}),
      });
    const first = await settle(null);
    expect(await settle(made("resp_told_later", { contextTokens: 30 }))).toEqual(first);
    expect(await settle(made("resp_told_later", { contextTokens: 99 }))).toEqual(first);
    expect(await resourceOf(account, "resp_told_later")).toMatchObject({
      resource: { requestId, attempt, contextTokens: 30, job: null },
    });
    expect(await balance(account)).toEqual(["98", "0", "2"]);
  });

  test("is stored by a late settlement, and by none for an attempt that was released or fenced off", async () => {
    const account = await newAccount({ credits: "100" });
    const { requestId, attempt } = await hold(account, 5, { holdMs: MINUTE });
    wait(2 * MINUTE);
    await runAlarm(account);
    const report = reportOf(worth(2));
    expect(await objects.settle(account.id, { requestId, attempt, report, made: made("resp_late") })).toMatchObject({
      settlement: { outcome: "late", charge: credits(2) },
    });
    expect(await resourceOf(account, "resp_late")).toMatchObject({ resource: { requestId } });

    const refused = await hold(account, 5);
    const { requestId: other } = refused;
    await objects.release(account.id, { requestId: other, attempt: 1, outcome: "upstream_error" });
    await objects.settle(account.id, { requestId: other, attempt: 1, report, made: made("resp_released") });
    await objects.settle(account.id, { requestId: other, attempt: 2, report, made: made("resp_fenced") });
    for (const id of ["resp_released", "resp_fenced"]) {
      expect(await resourceOf(account, id)).toMatchObject({ kind: "unknown_reference" });
    }
  });

  test("is not stored when the settlement fails", async () => {
    const account = await newAccount({ credits: "10" });
    const { requestId, attempt } = await hold(account, 4);
    const storage = await breakStorage(account);
    const settle = () =>
      objects.settle(account.id, {
        requestId,
        attempt,
        report: reportOf(worth(4)),
        made: made("resp_half", { itemIds: ["msg_half"] }),
      });
    await expect(settle()).rejects.toThrow(/storage is broken/);
    await storage.mend();
    expect(await resourceOf(account, "resp_half")).toMatchObject({ kind: "unknown_reference" });
    expect(await goOn(account, { items: ["msg_half"] })).toMatchObject({ kind: "unknown_reference" });
    await settle();
    expect(await resourceOf(account, "resp_half")).toMatchObject({ kind: "resource" });
  });

  test("is listed page by page, by age, each kind for itself", async () => {
    const account = await newAccount({ credits: "100" });
    const details = { seconds: 8, size: "720x1280" };
    for (const id of ["vid_1", "vid_2", "vid_3"]) {
      await make(account, made(id, { kind: "video", details }));
      wait(SECOND);
    }
    await make(account, made("resp_beside"));
    const list = async (after: string | null, order: "asc" | "desc", limit = 2) => {
      const reply = await objects.resources(account.id, callerOf(account), { kind: "video", limit, after, order });
      return reply.kind === "resources" ? [reply.resources.map(({ id }) => id), reply.hasMore] : reply.kind;
    };
    expect(await list(null, "desc")).toEqual([["vid_3", "vid_2"], true]);
    expect(await list("vid_2", "desc")).toEqual([["vid_1"], false]);
    expect(await list(null, "asc", 500)).toEqual([["vid_1", "vid_2", "vid_3"], false]);
    expect(await list("vid_1", "asc", 1)).toEqual([["vid_2"], true]);
    expect(await list("vid_none", "asc")).toBe("unknown_reference");
    expect(await list("resp_beside", "asc")).toBe("unknown_reference");
    expect(await resourceOf(account, "vid_1")).toMatchObject({ resource: { kind: "video", details } });
    expect(await goOn(account, { previousResponse: "vid_1" })).toMatchObject({ kind: "unknown_reference" });
  });

  test("is forgotten when upstream has forgotten it: responses after thirty days, videos and open jobs never", async () => {
    const account = await newAccount({ credits: "100" });
    await make(account, made("resp_old"));
    await make(account, made("vid_old", { kind: "video" }));
    await begin(account, made("resp_open"), 40 * DAY);
    wait(29 * DAY);
    await make(account, made("resp_young"));
    await runAlarm(account);
    expect(await resourceOf(account, "resp_old")).toMatchObject({ kind: "resource" });
    wait(2 * DAY);
    await runAlarm(account);
    expect(await resourceOf(account, "resp_old")).toMatchObject({ kind: "unknown_reference" });
    for (const id of ["resp_young", "vid_old", "resp_open"]) {
      expect([id, (await resourceOf(account, id)).kind]).toEqual([id, "resource"]);
    }
  });
});

/** A request of 5 credits that has begun a job. */
async function begin(account: TestAccount, job: MadeResource, holdMs = 6 * HOUR): Promise<HeldRequest> {
  const reservation = await hold(account, 5);
  const { requestId, attempt } = reservation;
  expect(await objects.attach(account.id, { requestId, attempt, made: job, holdMs })).toBe(true);
  return reservation;
}

/** Catches the polls of the object until it is evicted; `send` may refuse. */
async function catchPolls(account: { id: string }, send: () => Promise<void> = async () => {}): Promise<JobMessage[]> {
  const caught: JobMessage[] = [];
  await runInDurableObject(stubOf(account), (instance) => {
    const sendBatch = async (messages: Iterable<{ body: JobMessage }>) => {
      await send();
      caught.push(...[...messages].map(({ body }) => body));
    };
    Reflect.set(instance, "env", { ...(env as Env), JOB_QUEUE: { sendBatch } });
  });
  return caught;
}

async function isOpen(account: TestAccount, id: string): Promise<boolean> {
  const reply = await resourceOf(account, id);
  return reply.kind === "resource" && reply.resource.job !== null;
}

const VIDEO = made("vid_job", { kind: "video", contextTokens: 0, outputTokens: 0, details: { seconds: 8 } });

describe("a job", () => {
  test("holds its reservation and belongs to its account from its beginning on", async () => {
    const account = await newAccount({ credits: "10" });
    const { requestId, attempt } = await begin(account, VIDEO);
    wait(5 * HOUR);
    await runAlarm(account);
    expect(await balance(account)).toEqual(["5", "5", "0"]);
    expect(await resourceOf(account, VIDEO.id)).toMatchObject({
      resource: { requestId, attempt, details: { seconds: 8 } },
    });
  });

  test("is attached once, however often that is told, and only to its own attempt", async () => {
    const account = await newAccount({ credits: "10" });
    await eventually(async () => expect(await outboxOf(account)).toEqual([]));
    const { requestId, attempt } = await begin(account, VIDEO);
    const before = await objects.work(account.id);
    const attach = (part: { attempt?: number; made?: MadeResource }) =>
      objects.attach(account.id, { requestId, attempt, made: VIDEO, holdMs: 9 * HOUR, ...part });
    expect(await attach({})).toBe(true);
    expect(await attach({ attempt: 2 })).toBe(false);
    expect(await attach({ made: { ...VIDEO, id: "vid_other" } })).toBe(false);
    expect((await objects.work(account.id)).rowsWritten).toBe(before.rowsWritten);
    await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(2)) });
    expect(await attach({})).toBe(true);
    expect(await isOpen(account, VIDEO.id)).toBe(false);
    expect(await objects.attach(account.id, { requestId: mintRequestId(), attempt, made: VIDEO, holdMs: 1 })).toBe(
      false,
    );
  });

  test("two pollers settle a job once", async () => {
    const account = await newAccount({ credits: "10" });
    const { requestId, attempt } = await begin(account, VIDEO);
    const settle = { requestId, attempt, report: reportOf(worth(3)), made: VIDEO };
    const replies = await Promise.all([objects.settle(account.id, settle), objects.settle(account.id, settle)]);
    expect(replies[0]).toEqual(replies[1]);
    expect(await balance(account)).toEqual(["7", "0", "3"]);
    expect(await isOpen(account, VIDEO.id)).toBe(false);
    expect((await objects.head(account.id))?.seq).toBe(2);
  });

  test("a cancelled job gives everything back", async () => {
    const account = await newAccount({ credits: "10" });
    const { requestId, attempt } = await begin(account, VIDEO);
    await objects.release(account.id, { requestId, attempt, outcome: "abandoned" });
    expect(await balance(account)).toEqual(["10", "0", "0"]);
    expect(await isOpen(account, VIDEO.id)).toBe(false);
  });

  test("a job that outlives its deadline is still charged when it succeeds", async () => {
    const account = await newAccount({ credits: "10" });
    const polls = await catchPolls(account);
    const { requestId, attempt } = await begin(account, VIDEO, HOUR);
    wait(2 * HOUR);
    await runAlarm(account);
    expect(await balance(account)).toEqual(["10", "0", "0"]);
    // That its end is unknown does not mean that it failed.
    expect(await isOpen(account, VIDEO.id)).toBe(true);
    expect(polls).toHaveLength(1);
    wait(70 * HOUR);
    await runAlarm(account);
    expect(polls).toHaveLength(2);
    expect(
      await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(4)), made: VIDEO }),
    ).toMatchObject({ settlement: { outcome: "late", charge: credits(4) } });
    expect(await isOpen(account, VIDEO.id)).toBe(false);
    expect(await balance(account)).toEqual(["6", "0", "4"]);
  });

  test("one that fails after its deadline is closed without an entry", async () => {
    const account = await newAccount({ credits: "10" });
    const { requestId, attempt } = await begin(account, VIDEO, HOUR);
    wait(2 * HOUR);
    await runAlarm(account);
    const before = await objects.head(account.id);
    await objects.release(account.id, { requestId, attempt, outcome: "failed" });
    expect(await isOpen(account, VIDEO.id)).toBe(false);
    expect((await objects.head(account.id))?.seq).toBe(before?.seq);
  });

  test("one that is never heard of again is given up three days after its deadline, and stays the account's", async () => {
    const account = await newAccount({ credits: "10" });
    const polls = await catchPolls(account);
    await begin(account, VIDEO, HOUR);
    wait(2 * HOUR);
    await runAlarm(account);
    expect(polls).toHaveLength(1);
    wait(73 * HOUR);
    await runAlarm(account);
    expect(polls).toHaveLength(1);
    expect(await isOpen(account, VIDEO.id)).toBe(false);
    expect(await resourceOf(account, VIDEO.id)).toMatchObject({ kind: "resource" });
    expect(await balance(account)).toEqual(["10", "0", "0"]);
  });

  test("one that is attached after its reservation has expired is asked after and charged all the same", async () => {
    const account = await newAccount({ credits: "10" });
    const polls = await catchPolls(account);
    const { requestId, attempt } = await hold(account, 5, { holdMs: MINUTE });
    wait(2 * MINUTE);
    await runAlarm(account);
    expect(await objects.attach(account.id, { requestId, attempt, made: VIDEO, holdMs: HOUR })).toBe(true);
    expect(await balance(account)).toEqual(["10", "0", "0"]);
    wait(MINUTE);
    await runAlarm(account);
    expect(polls).toHaveLength(1);
    await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(4)) });
    expect(await balance(account)).toEqual(["6", "0", "4"]);
  });

  test("cannot be forgotten before it has ended: it is still to be charged", async () => {
    const account = await newAccount({ credits: "10" });
    const { requestId, attempt } = await begin(account, VIDEO);
    expect(await objects.forgetResource(account.id, VIDEO.id)).toBe(false);
    expect(await isOpen(account, VIDEO.id)).toBe(true);
    await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(3)) });
    expect(await objects.forgetResource(account.id, VIDEO.id)).toBe(true);
    expect(await objects.forgetResource(account.id, VIDEO.id)).toBe(false);
    expect(await resourceOf(account, VIDEO.id)).toMatchObject({ kind: "unknown_reference" });
  });

  test("that ends without a word of its tokens keeps the worst case as its context", async () => {
    const account = await newAccount({ credits: "100" });
    const reservation = await goOn(account, {});
    if (reservation.kind !== "reserved") throw new Error(reservation.kind);
    const { requestId, attempt } = reservation.reservation;
    const job = made("resp_bg", { contextTokens: 0, outputTokens: 0, details: { note: "kept" } });
    await objects.attach(account.id, { requestId, attempt, made: job, holdMs: HOUR });
    expect(await resourceOf(account, "resp_bg")).toMatchObject({ resource: { contextTokens: 15 } });
    const report = reportOf(usageOf({ inputTokens: 9, outputTokens: 2 }));
    const known = made("resp_bg", { contextTokens: 11, outputTokens: 2, itemIds: ["msg_bg"] });
    await objects.settle(account.id, { requestId, attempt, report, made: known });
    expect(await resourceOf(account, "resp_bg")).toMatchObject({
      resource: { contextTokens: 11, outputTokens: 2, itemIds: ["msg_bg"], details: { note: "kept" }, job: null },
    });
    expect(await goOn(account, { items: ["msg_bg"] })).toMatchObject({ kind: "reserved" });
  });

  test("is told to who repeats its request", async () => {
    const account = await newAccount({ credits: "10" });
    const request = reserveRequest(account, mintRequestId(), 5, { keyed: true });
    await objects.reserve(account.id, request);
    const { requestId } = request.command;
    await objects.attach(account.id, { requestId, attempt: 1, made: VIDEO, holdMs: HOUR });
    const other = { ...request, command: { ...request.command, owner: "owner-2" } };
    expect(await objects.reserve(account.id, other)).toMatchObject({
      kind: "in_flight",
      reservation: { job: VIDEO.id },
    });
  });
});

test("an object that was stored before there were resources goes on, with its request under way", async () => {
  const account = await newAccount({ credits: "10" });
  const { requestId, attempt } = await hold(account, 4);
  // Then every entry had its state written to the tables.
  await objects.setStatus(account.id, "active", null);
  await sqlOf(account, "ALTER TABLE keys DROP COLUMN unrolled_expires_at");
  await sqlOf(account, "ALTER TABLE delivery DROP COLUMN confirmed_seq");
  await sqlOf(account, "ALTER TABLE outbox DROP COLUMN confirmed");
  await sqlOf(account, "ALTER TABLE outbox DROP COLUMN state");
  await sqlOf(account, "ALTER TABLE grants DROP COLUMN reclaimed");
  await sqlOf(account, "DROP TABLE resources");
  await sqlOf(
    account,
    `CREATE TABLE reservations (pending INTEGER NOT NULL, request_id TEXT NOT NULL, body TEXT NOT NULL,
      PRIMARY KEY (pending, request_id)) STRICT, WITHOUT ROWID`,
  );
  await sqlOf(account, "INSERT INTO reservations SELECT 1, request_id, body FROM pending_reservations");
  await sqlOf(account, "DROP TABLE pending_reservations");
  await sqlOf(account, "DROP TABLE ended_reservations");
  await sqlOf(account, "UPDATE schema_version SET version = 1");
  await evict(account);
  await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(3)), made: made("resp_upgraded") });
  expect(await resourceOf(account, "resp_upgraded")).toMatchObject({ kind: "resource" });
  expect(await balance(account)).toEqual(["7", "0", "3"]);
});

describe("the alarm asks after jobs", () => {
  test("that are due, once each, and less and less often", async () => {
    const account = await newAccount({ credits: "100" });
    wait(HOUR);
    const polls = await catchPolls(account);
    const { requestId, attempt } = await begin(account, VIDEO);
    await begin(account, made("vid_second", { kind: "video" }));
    await runAlarm(account);
    expect(polls).toEqual([]);
    wait(6 * SECOND);
    expect(await alarmAt(account)).toBeLessThanOrEqual(Date.now());
    await runAlarm(account);
    expect(polls.map(({ resource }) => resource.id).sort()).toEqual(["vid_job", "vid_second"]);
    expect(polls.find(({ resource }) => resource.id === VIDEO.id)).toEqual({
      v: 1,
      accountId: account.id,
      resource: expect.objectContaining({ id: VIDEO.id, kind: "video", upstream: "openai", requestId, attempt }),
    });
    await runAlarm(account);
    expect(polls).toHaveLength(2);
    await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(3)) });
    wait(8 * SECOND);
    await runAlarm(account);
    expect(polls).toHaveLength(3);
    expect(polls[2]?.resource.id).toBe("vid_second");
  });

  test("also when the object was evicted, or its alarm was lost and the sweeper woke it", async () => {
    const account = await newAccount({ credits: "10" });
    await begin(account, VIDEO);
    await runInDurableObject(stubOf(account), (_, { storage }) => storage.deleteAlarm());
    await evict(account);
    expect(await isOpen(account, VIDEO.id)).toBe(true);
    const polls = await catchPolls(account);
    wait(MINUTE);
    await stubOf(account).wake();
    expect(polls).toHaveLength(1);
    expect(await alarmAt(account)).not.toBeNull();
  });

  test("again later when the queue refuses, without spinning, and nothing else waits for it", async () => {
    vi.spyOn(console, "error").mockReturnValue(undefined);
    const account = await newAccount({ credits: "10" });
    let isDown = true;
    const polls = await catchPolls(account, async () => {
      if (isDown) throw new Error("the queue is down");
    });
    wait(HOUR);
    await begin(account, VIDEO);
    wait(6 * SECOND);
    await runAlarm(account);
    expect(polls).toEqual([]);
    expect(await alarmAt(account)).toBeGreaterThanOrEqual(Date.now() + SECOND);
    isDown = false;
    wait(MINUTE);
    await runAlarm(account);
    expect(polls).toHaveLength(1);
  });
});
