import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { USUAL_PATIENCE } from "../../src/catalog/upstream.ts";
import { addressOf, type Target } from "../../src/proxy/target.ts";
import { headersToUpstream } from "../../src/proxy/upstream-headers.ts";
import { Watchdog } from "../../src/proxy/watchdog.ts";

const TARGET: Target = {
  upstream: "one",
  model: "gpt 5/4?",
  baseUrl: "https://api.example.com/v1",
  apiKey: "key-1",
  auth: "bearer",
  query: {},
  websocket: "bridge",
  patience: USUAL_PATIENCE,
  extraHeaders: [],
};

describe("a call goes to", () => {
  test.each<[string, Partial<Target>, string, string]>([
    ["the path below the address", {}, "", "https://api.example.com/v1/responses"],
    ["with its own query", {}, "?beta=1", "https://api.example.com/v1/responses?beta=1"],
    [
      "the model's deployment",
      { baseUrl: "https://x.example.com/deployments/{model}", query: { "api-version": "2" } },
      "",
      "https://x.example.com/deployments/gpt%205%2F4%3F/responses?api-version=2",
    ],
    [
      "where the upstream's query has the last word",
      { query: { v: "theirs &" } },
      "?v=client&v=again&after=x",
      "https://api.example.com/v1/responses?v=theirs+%26&after=x",
    ],
  ])("%s", (_claim, change, search, address) => {
    expect(addressOf({ ...TARGET, ...change }, "/responses", search)).toBe(address);
  });
});

describe("the headers of a call", () => {
  const from = new Headers({
    authorization: "Bearer sk-spill-client",
    "api-key": "sk-spill-client",
    cookie: "session=client",
    "x-forwarded-for": "10.0.0.1",
    "x-codex-turn-state": "t",
    "x-simulate": "status=500",
    range: "bytes=0-1",
    "if-none-match": '"1"',
    "if-match": '"2"',
  });
  const post = { method: "POST", from, requestId: "req_1", body: "{}" };

  test("carry the upstream's key in place of the caller's", () => {
    expect(headersToUpstream(TARGET, post)).toEqual({
      authorization: "Bearer key-1",
      "accept-encoding": "identity",
      "content-type": "application/json",
      "idempotency-key": "req_1",
      "x-codex-turn-state": "t",
    });
  });

  test("carry it as Azure wants it, and never the caller's beside it", () => {
    const extraHeaders = ["authorization", "api-key", "cookie", "x-simulate"];
    const headers = headersToUpstream({ ...TARGET, auth: "api-key", extraHeaders }, post);
    expect(headers).toMatchObject({ "api-key": "key-1", "x-simulate": "status=500" });
    expect(Object.values(headers).join()).not.toContain("client");
  });

  test("ask for no part, and under no condition, where something is made: what came back could not be charged", () => {
    const headers = headersToUpstream({ ...TARGET, extraHeaders: ["if-match"] }, post);
    expect(Object.keys(headers).filter((name) => /^range|^if-/.test(name))).toEqual([]);
    expect(headersToUpstream(TARGET, { ...post, method: "DELETE", body: null })).not.toHaveProperty("range");
  });

  test("name no content where there is none, and no idempotency key where nothing is made", () => {
    const headers = headersToUpstream(TARGET, { ...post, method: "GET", body: null });
    expect(Object.keys(headers).sort()).toEqual([
      "accept-encoding",
      "authorization",
      "if-none-match",
      "range",
      "x-codex-turn-state",
    ]);
  });
});

describe("an upstream is given up", () => {
  const PATIENCE = { connectMs: 10_000, firstByteMs: 60_000, idleMs: 20_000, totalMs: 120_000 };
  let cuts: string[];
  let watchdog: Watchdog;

  beforeEach(() => {
    vi.useFakeTimers();
    cuts = [];
  });
  afterEach(() => {
    watchdog.stop();
    vi.useRealTimers();
  });

  function watch(streamed: boolean, patience = PATIENCE): void {
    watchdog = new Watchdog(patience, streamed, (reason) => cuts.push(reason));
  }

  function pass(seconds: number): string | undefined {
    vi.advanceTimersByTime(seconds * 1_000);
    return cuts[0];
  }

  test("when a stream's headers do not come", () => {
    watch(true);
    expect(pass(10)).toBeUndefined();
    expect(pass(2)).toBe("upstream_silent");
  });

  test("when a stream's first byte does not come", () => {
    watch(true);
    pass(5);
    watchdog.answered();
    expect(pass(55)).toBeUndefined();
    expect(pass(2)).toBe("upstream_silent");
  });

  test("when a stream falls silent", () => {
    watch(true);
    watchdog.answered();
    watchdog.touch();
    expect(pass(20)).toBeUndefined();
    watchdog.touch();
    expect(pass(20)).toBeUndefined();
    expect(pass(2)).toBe("upstream_silent");
  });

  test("when a stream never ends", () => {
    watch(true);
    watchdog.answered();
    for (let at = 0; at < 120; at += 10) {
      watchdog.touch();
      expect(pass(10)).toBeUndefined();
    }
    watchdog.touch();
    expect(pass(2)).toBe("upstream_too_long");
  });

  test("when a whole answer is not there in time, however steadily it trickles", () => {
    watch(false);
    expect(pass(30)).toBeUndefined();
    watchdog.answered();
    for (let at = 30; at < 60; at += 10) {
      watchdog.touch();
      expect(pass(10)).toBeUndefined();
    }
    expect(pass(2)).toBe("upstream_silent");
  });

  test("not while it is still being sent what it is asked, however long that takes", () => {
    let sentAt = 0;
    watchdog = new Watchdog(
      { ...PATIENCE, totalMs: 600_000 },
      false,
      (reason) => cuts.push(reason),
      () => sentAt,
    );
    for (let at = 0; at < 200; at += 50) {
      sentAt = Date.now();
      expect(pass(50)).toBeUndefined();
    }
    expect(pass(9)).toBeUndefined();
    expect(pass(3)).toBe("upstream_silent");
  });

  test("as soon as it may be: a first byte that must come sooner than the headers has the say", () => {
    watch(true, { ...PATIENCE, firstByteMs: 400 });
    expect(pass(1)).toBe("upstream_silent");
  });

  test("never once its answer was read", () => {
    watch(true);
    watchdog.stop();
    expect(pass(1_000)).toBeUndefined();
  });
});
