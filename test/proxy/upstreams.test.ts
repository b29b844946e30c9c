import { beforeEach, describe, expect, test } from "vitest";
import { type Upstream, USUAL_PATIENCE } from "../../src/catalog/upstream.ts";
import type { Target } from "../../src/proxy/target.ts";
import { Upstreams } from "../../src/proxy/upstreams.ts";

const KEYS: Record<string, string> = { UPSTREAM_API_KEY: "key-1", UPSTREAM_SECOND_KEY: "key-2" };
const WISH = { feature: "codex", model: "gpt-5.4", accountId: "acct_1" };

let now: number;
let missing: string[];
let upstreams: Upstreams;

beforeEach(() => {
  now = 0;
  missing = [];
  upstreams = new Upstreams({
    keyOf: (secret) => KEYS[secret] ?? null,
    extraHeaders: ["x-simulate"],
    now: () => now,
    onKeyMissing: (upstream, secret) => missing.push(`${upstream} ${secret}`),
  });
});

function upstream(id: string, change: Partial<Upstream> = {}): Upstream {
  return {
    id,
    baseUrl: `https://${id}.example.com/v1`,
    keySecret: "UPSTREAM_API_KEY",
    auth: "bearer",
    query: {},
    features: null,
    models: null,
    order: 100,
    weight: 1,
    websocket: "bridge",
    videoExtensions: "added",
    patience: USUAL_PATIENCE,
    ...change,
  };
}

const ONE = upstream("one", { order: 1 });
const TWO = upstream("two", { order: 2, keySecret: "UPSTREAM_SECOND_KEY" });

function ask(known: readonly Upstream[] = [ONE, TWO], wish = WISH): string[] {
  return upstreams.targetsFor(known, wish).map(({ upstream: id }) => id);
}

function targetOf(known: Upstream): Target {
  const target = upstreams.targetOf([known], known.id, WISH.model);
  if (!target) throw new Error("no target");
  return target;
}

function fail(known: Upstream, times = 5): void {
  for (let time = 0; time < times; time += 1) upstreams.failed(targetOf(known));
}

describe("the targets of a request", () => {
  test("are the upstreams in their order, each with its own key and the model's name there", () => {
    const azure = upstream("azure", { order: 3, models: { "gpt-5.4": "ours" }, auth: "api-key", query: { v: "1" } });
    expect(upstreams.targetsFor([azure, TWO, ONE], WISH)).toMatchObject([
      { upstream: "one", apiKey: "key-1", model: "gpt-5.4", baseUrl: "https://one.example.com/v1" },
      { upstream: "two", apiKey: "key-2", model: "gpt-5.4" },
      { upstream: "azure", apiKey: "key-1", model: "ours", auth: "api-key", query: { v: "1" } },
    ]);
  });

  test("are those alone that take the feature and the model", () => {
    const videos = upstream("videos", { features: ["sora"] });
    const other = upstream("other", { models: { "gpt-5.5": "gpt-5.5" } });
    expect(ask([videos, other])).toEqual([]);
    expect(ask([videos, other], { ...WISH, feature: "sora" })).toEqual(["videos"]);
    expect(ask([videos, other], { ...WISH, model: "gpt-5.5" })).toEqual(["other"]);
    expect(ask([other], { ...WISH, model: "constructor" })).toEqual([]);
  });

  test("leave out an upstream whose secret is not set, which is reported once", () => {
    const bare = upstream("bare", { order: 0, keySecret: "UPSTREAM_FORGOTTEN" });
    for (let time = 0; time < 3; time += 1) expect(ask([bare, ONE])).toEqual(["one"]);
    expect(upstreams.targetOf([bare], "bare", "m")).toBeNull();
    expect(missing).toEqual(["bare UPSTREAM_FORGOTTEN"]);
  });
});

describe("an upstream that keeps failing", () => {
  test("is asked after the others, and still asked when there is no other", () => {
    fail(ONE);
    expect(ask()).toEqual(["two", "one"]);
    expect(ask([ONE])).toEqual(["one"]);
    fail(TWO);
    expect(ask()).toEqual(["one", "two"]);
  });

  test("is tried by one request after fifteen seconds, and by all once that succeeded", () => {
    fail(ONE);
    now = 15_000;
    expect(ask()).toEqual(["one", "two"]);
    expect(ask()).toEqual(["two", "one"]);
    upstreams.succeeded(targetOf(ONE));
    expect(ask()).toEqual(["one", "two"]);
    expect(ask()).toEqual(["one", "two"]);
  });

  test("is not tried by a question of which nobody reports how it was served", () => {
    fail(ONE);
    now = 15_000;
    expect(upstreams.targetToLookAt([ONE, TWO], WISH)?.upstream).toBe("one");
    expect(ask()).toEqual(["one", "two"]);
    expect(upstreams.targetToLookAt([ONE, TWO], WISH)?.upstream).toBe("two");
  });

  test("is left alone for another fifteen seconds when the trial fails", () => {
    fail(ONE);
    now = 15_000;
    expect(ask()).toEqual(["one", "two"]);
    upstreams.failed(targetOf(ONE));
    now = 29_999;
    expect(ask()).toEqual(["two", "one"]);
    now = 30_000;
    expect(ask()).toEqual(["one", "two"]);
  });

  test("is not tried by a request that asks another one first", () => {
    fail(TWO);
    now = 15_000;
    expect(ask()).toEqual(["one", "two"]);
    expect(ask([TWO, upstream("three", { order: 3 })])).toEqual(["two", "three"]);
  });

  test("that is rate-limited is asked last for as long as it says", () => {
    upstreams.failed(targetOf(ONE), 20);
    now = 19_999;
    expect(ask()).toEqual(["two", "one"]);
    now = 20_000;
    expect(ask()).toEqual(["one", "two"]);
  });
});

test("what lives at an upstream is found there alone, whatever it takes and however it fares", () => {
  const videos = upstream("videos", { features: ["sora"], models: { "sora-2": "theirs" } });
  fail(videos);
  expect(upstreams.targetOf([ONE, videos], "videos", "sora-2")).toMatchObject({ upstream: "videos", model: "theirs" });
  expect(upstreams.targetOf([ONE, videos], "videos", "sora-3")).toMatchObject({ model: "sora-3" });
  expect(upstreams.targetOf([ONE], "videos", "sora-2")).toBeNull();
});
