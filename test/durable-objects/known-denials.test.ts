import { beforeEach, describe, expect, it } from "vitest";
import type { DeniedReply, ReserveReply, ReserveRequest } from "../../durable-objects/commands.ts";
import { KnownDenials } from "../../durable-objects/known-denials.ts";
import { type AccountState, applyChange } from "../../src/core/account.ts";
import { viewLimits } from "../../src/core/account-view.ts";
import { reserve } from "../../src/core/reserve.ts";
import type { Demand } from "../../src/core/waterfall.ts";
import {
  accountWith,
  commandOf,
  demandOf,
  give,
  grantOf,
  MINUTE,
  planOf,
  requestGate,
  SECOND,
  sliding,
  T0,
} from "../support/core-fixtures.ts";

/** So many denials within a second are a storm. */
const STORM = 20;
const PLANS = { plus: 1 };

interface Asked {
  readonly amount?: number;
  readonly account?: string;
  readonly demand?: Partial<Demand>;
  readonly key?: { readonly id: string; readonly digest: string };
  readonly part?: Partial<ReserveRequest["command"]>;
  readonly request?: Partial<ReserveRequest>;
}

/** An isolate in front of accounts that it reaches in no time, at a given instant. */
class Isolate {
  now = T0;
  readonly known = new KnownDenials();
  readonly accounts = new Map<string, AccountState>();
  /** Requests that the object has decided. */
  asked = 0;
  /** What it was told of denials from memory. */
  told = 0;
  #requests = 0;

  account(id = "acct_1"): AccountState {
    const account = this.accounts.get(id) ?? accountWith({ id });
    this.accounts.set(id, account);
    return account;
  }

  ask({
    account = "acct_1",
    amount = 1,
    demand = {},
    key = { id: "key_1", digest: "aa" },
    part = {},
    request = {},
  }: Asked = {}): ReserveReply {
    this.#requests += 1;
    const { demand: full, ...command } = commandOf(`req_${this.#requests}`, amount, {
      demand: demandOf(amount, demand),
    });
    const { keyId: _, ...wanted } = full;
    const asked: ReserveRequest = {
      caller: { key, planVersions: PLANS },
      command: { ...command, ...part, demand: wanted },
      ...request,
    };
    const known = this.known.answer(account, asked, this.now);
    if (known) return known;
    this.asked += 1;
    for (const { count } of this.known.takeCounts(account)) this.told += count;
    const state = this.account(account);
    const { answer, change } = reserve(
      state,
      null,
      { ...asked.command, demand: { ...wanted, keyId: key.id } },
      this.now,
    );
    applyChange(state, change);
    if (answer.kind !== "denied" && answer.kind !== "reserved") throw new Error(answer.kind);
    const told = { ...answer, limits: viewLimits(state, key.id, this.now), upstream: null };
    const reply: ReserveReply = told.kind === "denied" ? told : { kind: "key_refused" };
    this.known.note(account, asked, reply, { askedAt: this.now, now: this.now });
    return reply;
  }

  /** So many requests at one instant; answers how many of them the object had to decide. */
  storm(count: number, asked: Asked = {}): number {
    const before = this.asked;
    for (let index = 0; index < count; index += 1) this.ask(asked);
    return this.asked - before;
  }

  /** Whether the object decides a request. */
  reaches(asked: Asked = {}): boolean {
    return this.storm(1, asked) === 1;
  }
}

let isolate: Isolate;

beforeEach(() => {
  isolate = new Isolate();
});

describe("a calm account", () => {
  it("is always asked: somebody denied now and then meets no old denial", () => {
    for (let index = 0; index < 200; index += 1) {
      expect(isolate.reaches()).toBe(true);
      isolate.now += SECOND / (STORM - 1);
    }
  });

  it("lets the next request in as soon as credits are there", () => {
    isolate.storm(STORM - 1);
    give(isolate.account(), grantOf("paid", 5));
    expect(isolate.ask().kind).not.toBe("denied");
  });
});

describe("a storm of denied requests", () => {
  it("reaches the object twenty times, and then once a second", () => {
    expect(isolate.storm(2_000)).toBe(STORM);
    for (let second = 0; second < 5; second += 1) {
      let reached = 0;
      for (let index = 0; index < 2_000; index += 1) {
        isolate.now += 0.5;
        reached += isolate.storm(1);
      }
      expect(reached).toBe(1);
    }
  });

  it("gets the object's own answer, with the explanation and the limits", () => {
    const first = isolate.ask();
    isolate.storm(STORM);
    expect(isolate.ask()).toEqual(first);
    expect((first as DeniedReply).denial.reason).toBe("credits_exhausted");
  });

  it("ends at most a second after credits are there, however long it lasts and however dense it is", () => {
    isolate.storm(500);
    for (let ms = 0; ms < 3_500; ms += 1) {
      isolate.now += 1;
      isolate.ask();
    }
    give(isolate.account(), grantOf("paid", 5));
    const toppedUpAt = isolate.now;
    while (isolate.ask().kind === "denied") isolate.now += 1;
    expect(isolate.now - toppedUpAt).toBeLessThanOrEqual(SECOND);
    expect(isolate.now - toppedUpAt).toBeGreaterThan(0);
  });

  it("is over with the first request that the object lets in", () => {
    isolate.storm(100);
    give(isolate.account(), grantOf("paid", 5));
    isolate.now += SECOND;
    expect(isolate.ask().kind).not.toBe("denied");
    expect(isolate.storm(STORM, { amount: 50 })).toBe(STORM);
  });

  it("counts a denial from when the object was asked, however late it answers", () => {
    const late = new KnownDenials();
    const request: ReserveRequest = {
      caller: { key: { id: "key_1", digest: "aa" }, planVersions: PLANS },
      command: commandOf("req_1", 1),
    };
    const reply = isolate.ask() as DeniedReply;
    for (let index = 0; index < STORM; index += 1) late.note("acct_1", request, reply, { askedAt: T0, now: T0 + 900 });
    expect(late.answer("acct_1", request, T0 + 999)).not.toBeNull();
    expect(late.answer("acct_1", request, T0 + 1_000)).toBeNull();
  });

  it("does not outlast its reset", () => {
    const gates = [requestGate("burst", 1, sliding(60, 1))];
    isolate.accounts.set("acct_1", accountWith({ plan: planOf({ gates }) }, [grantOf("paid", 9)]));
    isolate.ask();
    const { denial } = isolate.ask() as DeniedReply;
    const opensAt = denial.resetsAt ?? 0;
    isolate.storm(100);
    isolate.now = opensAt - 1;
    expect(isolate.reaches()).toBe(false);
    isolate.now = opensAt;
    expect(isolate.ask().kind).not.toBe("denied");
  });

  it("that began by a clock which then went back is asked about", () => {
    isolate.storm(100);
    isolate.now -= 10 * MINUTE;
    expect(isolate.reaches()).toBe(true);
  });

  it.each<[string, Asked]>([
    ["of another account", { account: "acct_2" }],
    ["of another key", { key: { id: "key_2", digest: "bb" } }],
    ["of the same key with another secret", { key: { id: "key_1", digest: "bb" } }],
    ["for another model", { demand: { model: "gpt-5.4-mini" } }],
    ["for another feature", { demand: { feature: "sora" } }],
    ["that is smaller", { amount: 4 }],
    ["whose output may be lowered", { demand: { openOutput: true } }],
    ["with an Idempotency-Key", { part: { keyed: true } }],
    ["that says it repeats another", { part: { content: "video", repeats: { content: "video" } } }],
    ["that goes on from another", { request: { references: { previousResponse: "resp_1", items: [] } } }],
    [
      "by a catalog that was read anew",
      { request: { caller: { key: { id: "key_1", digest: "aa" }, planVersions: { ...PLANS } } } },
    ],
  ])("does not answer for a request %s", (_, other) => {
    isolate.storm(100, { amount: 5 });
    expect(isolate.reaches({ amount: 5 })).toBe(false);
    expect(isolate.reaches({ amount: 5, ...other })).toBe(true);
  });

  it("answers for larger requests", () => {
    isolate.storm(100, { amount: 5 });
    expect(isolate.storm(100, { amount: 6 })).toBe(0);
  });

  it("of what is never remembered is not remembered: keys of a client's own", () => {
    expect(isolate.storm(100, { part: { keyed: true } })).toBe(100);
  });

  it("on credits that a request in flight holds is left to the object", () => {
    give(isolate.account(), grantOf("paid", 5));
    isolate.ask({ amount: 5 });
    expect(isolate.storm(100)).toBe(100);
  });
});

describe("what was answered from memory", () => {
  it("is told with the next call to the account's object, once and in full", () => {
    isolate.storm(1_000);
    isolate.storm(30, { account: "acct_2" });
    expect(isolate.told).toBe(0);
    isolate.ask({ part: { keyed: true } });
    expect(isolate.told).toBe(1_000 - STORM);
    isolate.ask({ part: { keyed: true } });
    expect(isolate.told).toBe(1_000 - STORM);
  });

  it("is told by minute and reason, with the latest request in full", () => {
    isolate.now = T0 + MINUTE - 100;
    isolate.storm(120);
    isolate.now += 200;
    isolate.storm(50);
    const folds = isolate.known.takeCounts("acct_1");
    expect(folds.map(({ count }) => count)).toEqual([100, 50]);
    expect(folds.map(({ latest }) => latest.at)).toEqual([T0 + MINUTE - 100, T0 + MINUTE + 100]);
    expect(folds[1]?.latest).toMatchObject({ requestId: "req_170", demand: { keyId: "key_1" } });
  });
});

describe("memory is bounded", () => {
  it("forgets the account and the key that were denied longest ago", () => {
    isolate.storm(100);
    for (let index = 0; index < 200; index += 1) isolate.ask({ account: `acct_other${index}` });
    expect(isolate.reaches()).toBe(true);

    isolate.storm(100, { account: "acct_2" });
    for (let index = 0; index < 20; index += 1) {
      isolate.ask({ account: "acct_2", key: { id: `key_other${index}`, digest: "cc" } });
    }
    expect(isolate.reaches({ account: "acct_2" })).toBe(true);
  });
});
