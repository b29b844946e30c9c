import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { GroupedSteps, type Haste } from "../../durable-objects/grouped-steps.ts";
import type { Step, StepOutcome } from "../../durable-objects/steps.ts";

const ACCOUNT = "acct_busy";

/** A call to the object that answers when it is told to. */
interface Call {
  readonly ids: readonly string[];
  answer(): void;
  fail(error: Error): void;
}

let calls: Call[];
let grouped: GroupedSteps;

beforeEach(() => {
  calls = [];
  grouped = new GroupedSteps();
});

afterEach(() => vi.useRealTimers());

function stepOf(requestId: string): Step {
  return { kind: "release", request: { requestId, attempt: 1, outcome: "rejected" } };
}

function idOf({ request }: Step): string {
  return "requestId" in request ? request.requestId : request.command.requestId;
}

/** A call that answers each step with its own id, once it is told to. */
function call(steps: readonly Step[]): Promise<readonly StepOutcome[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly StepOutcome[]>();
  const ids = steps.map(idOf);
  calls.push({ ids, answer: () => resolve(ids.map((id) => ({ failure: id }))), fail: reject });
  return promise;
}

/** Sends a step whose outcome tells its own id. */
async function send(requestId: string, account = ACCOUNT, haste?: Haste): Promise<string> {
  const outcome = await grouped.send(account, stepOf(requestId), call, haste);
  return "failure" in outcome ? outcome.failure : "";
}

/** Sends one that may rest. */
const rest = (requestId: string): Promise<string> => send(requestId, ACCOUNT, "rests");

/** Lets everything run that can. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

const idsOf = (): (readonly string[])[] => calls.map(({ ids }) => ids);

describe("steps of one account", () => {
  it("go at once and alone while the account is quiet", async () => {
    const first = send("a");
    expect(idsOf()).toEqual([["a"]]);
    calls[0]?.answer();
    expect(await first).toBe("a");
    const second = send("b");
    expect(idsOf()).toEqual([["a"], ["b"]]);
    calls[1]?.answer();
    expect(await second).toBe("b");
  });

  it("that come while a call is under way share the next one, each with an outcome of its own", async () => {
    const all = ["a", "b", "c", "d"].map((id) => send(id));
    expect(idsOf()).toEqual([["a"]]);
    calls[0]?.answer();
    await settled();
    expect(idsOf()).toEqual([["a"], ["b", "c", "d"]]);
    calls[1]?.answer();
    expect(await Promise.all(all)).toEqual(["a", "b", "c", "d"]);
  });

  it("do not wait for those of another account", async () => {
    void send("a");
    const other = send("b", "acct_other");
    expect(idsOf()).toEqual([["a"], ["b"]]);
    calls[1]?.answer();
    expect(await other).toBe("b");
  });

  it("fail together where their call fails, and those after them go on", async () => {
    const all = ["a", "b", "c"].map((id) => send(id).catch((error: Error) => error.message));
    calls[0]?.answer();
    await settled();
    const later = send("d");
    calls[1]?.fail(new Error("connection lost"));
    await settled();
    calls[2]?.answer();
    expect(await Promise.all(all)).toEqual(["a", "connection lost", "connection lost"]);
    expect(await later).toBe("d");
  });

  it("go by themselves after two seconds where whoever took them along was cut off", async () => {
    vi.useFakeTimers();
    void send("cut off");
    const waiting = ["a", "b"].map((id) => send(id));
    await vi.advanceTimersByTimeAsync(1_900);
    expect(idsOf()).toEqual([["cut off"]]);
    await vi.advanceTimersByTimeAsync(200);
    expect(idsOf()).toEqual([["cut off"], ["a"], ["b"]]);
    for (const call of calls.slice(1)) call.answer();
    expect(await Promise.all(waiting)).toEqual(["a", "b"]);
    // Nobody queues behind the silent one any more.
    const fresh = send("c");
    expect(idsOf().at(-1)).toEqual(["c"]);
    calls.at(-1)?.answer();
    expect(await fresh).toBe("c");
  });

  it("go in several calls where there are very many", async () => {
    const all = Array.from({ length: 120 }, (_, n) => send(`r${n}`));
    for (let index = 0; index < 4; index += 1) {
      calls[index]?.answer();
      await settled();
    }
    expect(idsOf().map(({ length }) => length)).toEqual([1, 50, 50, 19]);
    expect(await Promise.all(all)).toEqual(Array.from({ length: 120 }, (_, n) => `r${n}`));
  });
});

describe("a step that nobody waits for", () => {
  beforeEach(() => vi.useFakeTimers());

  it("rests for a moment and goes alone where nothing else comes", async () => {
    const alone = rest("a");
    await settled();
    expect(idsOf()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(idsOf()).toEqual([["a"]]);
    calls[0]?.answer();
    expect(await alone).toBe("a");
  });

  it("goes before whatever comes next for the account, in the same call", async () => {
    const all = [rest("a"), rest("b"), send("c")];
    await settled();
    expect(idsOf()).toEqual([["a", "b", "c"]]);
    calls[0]?.answer();
    expect(await Promise.all(all)).toEqual(["a", "b", "c"]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(idsOf()).toHaveLength(1);
  });

  it("does not rest while a call is under way: it shares the next one", async () => {
    const all = [send("a"), rest("b"), send("c")];
    calls[0]?.answer();
    await settled();
    expect(idsOf()).toEqual([["a"], ["b", "c"]]);
    calls[1]?.answer();
    expect(await Promise.all(all)).toEqual(["a", "b", "c"]);
  });

  it("is done before somebody looks at the account", async () => {
    const resting = rest("a");
    let isLooking = false;
    const looked = grouped.hasten(ACCOUNT, call).then(() => {
      isLooking = true;
    });
    await settled();
    expect(idsOf()).toEqual([["a"]]);
    expect(isLooking).toBe(false);
    calls[0]?.answer();
    await looked;
    expect(await resting).toBe("a");
    await grouped.hasten(ACCOUNT, call);
    expect(idsOf()).toHaveLength(1);
  });

  it("is done before somebody looks at the account while a call is under way, and the others go on", async () => {
    const all = [send("a"), send("b"), rest("c"), send("d", ACCOUNT, "at once")];
    const looked = grouped.hasten(ACCOUNT, call);
    expect(idsOf()).toEqual([["a"], ["c", "d"]]);
    calls[1]?.answer();
    await looked;
    expect(idsOf()).toHaveLength(2);
    calls[0]?.answer();
    await settled();
    expect(idsOf()).toEqual([["a"], ["c", "d"], ["b"]]);
    calls[2]?.answer();
    expect(await Promise.all(all)).toEqual(["a", "b", "c", "d"]);
    const fresh = send("e");
    expect(idsOf().at(-1)).toEqual(["e"]);
    calls.at(-1)?.answer();
    expect(await fresh).toBe("e");
  });

  it.each(Array.from({ length: 20 }, (_, moment) => moment))(
    "goes once, whoever looks in moment %d of the line's being handed on to it",
    async (moment) => {
      const all = [send("a"), rest("b"), rest("c"), send("d")];
      calls[0]?.answer();
      for (let turn = 0; turn < moment; turn += 1) await Promise.resolve();
      const looked = grouped.hasten(ACCOUNT, call);
      for (let index = 1; index < 4; index += 1) {
        await settled();
        calls[index]?.answer();
      }
      await looked;
      expect(await Promise.all(all)).toEqual(["a", "b", "c", "d"]);
      expect(idsOf().flat().sort()).toEqual(["a", "b", "c", "d"]);
    },
  );

  it("is done before somebody looks, be there ever so many", async () => {
    const busy = send("a");
    const all = Array.from({ length: 60 }, (_, n) => rest(`r${n}`));
    const looked = grouped.hasten(ACCOUNT, call);
    for (const index of [1, 2]) {
      calls[index]?.answer();
      await settled();
    }
    await looked;
    expect(idsOf().map(({ length }) => length)).toEqual([1, 50, 10]);
    expect(await Promise.all(all)).toEqual(Array.from({ length: 60 }, (_, n) => `r${n}`));
    calls[0]?.answer();
    expect(await busy).toBe("a");
  });

  it("fails where whoever took it along failed, who then looks all the same", async () => {
    const resting = rest("a").catch((error: Error) => error.message);
    const looked = grouped.hasten(ACCOUNT, call);
    await settled();
    calls[0]?.fail(new Error("connection lost"));
    await looked;
    expect(await resting).toBe("connection lost");
  });

  it("is taken along by the next where its own request was cut off", async () => {
    vi.stubGlobal("setTimeout", () => 0);
    void rest("cut off");
    vi.unstubAllGlobals();
    const next = send("a");
    expect(idsOf()).toEqual([["cut off", "a"]]);
    calls[0]?.answer();
    expect(await next).toBe("a");
  });

  it("goes in several calls where very many rest", async () => {
    const all = Array.from({ length: 60 }, (_, n) => rest(`r${n}`));
    const next = send("next");
    await vi.advanceTimersByTimeAsync(1);
    for (let index = 0; index < 3; index += 1) {
      calls[index]?.answer();
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(idsOf().map(({ length }) => length)).toEqual([50, 11]);
    expect(await Promise.all(all)).toEqual(Array.from({ length: 60 }, (_, n) => `r${n}`));
    expect(await next).toBe("next");
  });
});
