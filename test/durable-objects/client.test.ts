import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AccountClient, AccountLeftAlone, AccountUnreachable } from "../../durable-objects/client.ts";
import type { ReserveRequest } from "../../durable-objects/commands.ts";
import { KnownDenials } from "../../durable-objects/known-denials.ts";
import { viewLimits } from "../../src/core/account-view.ts";
import { decide } from "../../src/core/waterfall.ts";
import { accountWith, commandOf, demandOf, SECOND, T0 } from "../support/core-fixtures.ts";

const ACCOUNT = "acct_1";
const PLANS = { plus: 1 };

/** What the platform answers a call: an error with its flags, or the object's denial. */
type Answer = { readonly overloaded: true } | { readonly retryable: true } | null;

let answers: Answer[];
let calls: { method: string; request: ReserveRequest }[];
let client: AccountClient;

/** An object that denies everything, reached as `answers` says, and well once that is used up. */
function objectFor(): object {
  const state = accountWith();
  const denial = decide(state, demandOf(1), T0);
  const call = (method: string) => async (request: ReserveRequest) => {
    calls.push({ method, request });
    const answer = answers.shift() ?? null;
    if (answer) throw Object.assign(new Error("the platform"), answer);
    return method === "reserve"
      ? { kind: "denied", denial, limits: viewLimits(state, "key_1", T0), upstream: null }
      : { kind: "released" };
  };
  return { reserve: call("reserve"), release: call("release") };
}

beforeEach(() => {
  vi.useFakeTimers({ now: T0 });
  vi.stubGlobal("scheduler", { wait: async (ms: number) => void vi.advanceTimersByTime(ms) });
  answers = [];
  calls = [];
  const object = objectFor();
  const objects = { getByName: () => object } as unknown as ConstructorParameters<typeof AccountClient>[0];
  client = new AccountClient(objects, { denials: new KnownDenials() });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function reserve(keyed = false) {
  const { demand, ...command } = commandOf("req_1", 1, { keyed });
  return client.reserve(ACCOUNT, {
    caller: { key: { id: "key_1", digest: "aa" }, planVersions: PLANS },
    command: { ...command, demand },
  });
}

describe("an object that is overloaded", () => {
  it("is not asked for new requests for a second, and then again", async () => {
    answers = [{ overloaded: true }];
    await expect(reserve()).rejects.toThrow(AccountUnreachable);
    expect(calls).toHaveLength(1);
    vi.advanceTimersByTime(SECOND - 1);
    await expect(reserve()).rejects.toThrow(AccountLeftAlone);
    expect(calls).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect((await reserve()).kind).toBe("denied");
  });

  it("is still told how requests end", async () => {
    answers = [{ overloaded: true }];
    await expect(reserve()).rejects.toThrow(AccountUnreachable);
    await client.release(ACCOUNT, { requestId: "req_0", attempt: 1, outcome: "rejected" });
    expect(calls.map(({ method }) => method)).toEqual(["reserve", "release"]);
  });

  it("leaves others as they are", async () => {
    answers = [{ overloaded: true }];
    await expect(reserve()).rejects.toThrow(AccountUnreachable);
    await client.release("acct_2", { requestId: "req_0", attempt: 1, outcome: "rejected" });
    expect(calls).toHaveLength(2);
  });

  it("keeps nobody out by a clock that went back", async () => {
    answers = [{ overloaded: true }];
    await expect(reserve()).rejects.toThrow(AccountUnreachable);
    vi.setSystemTime(T0 - 60 * SECOND);
    expect((await reserve()).kind).toBe("denied");
  });
});

describe("denials that were answered from memory", () => {
  it("are told with a call once, even where its outcome is unknown and it is repeated", async () => {
    for (let index = 0; index < 120; index += 1) await reserve();
    expect(calls).toHaveLength(20);
    answers = [{ retryable: true }];
    await reserve(true);
    const told = calls.slice(20).map(({ request }) => request.remembered?.map(({ count }) => count));
    expect(told).toEqual([[100], undefined]);
  });
});
