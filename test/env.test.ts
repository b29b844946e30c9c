import { describe, expect, test } from "vitest";
import { ConfigError, type Env, readConfig, upstreamKey } from "../src/env.ts";

/** The variables; bindings are not read here. */
function environment(change: Partial<Env> & Readonly<Record<`UPSTREAM_${string}`, string>> = {}): Env {
  const variables: Partial<Env> = {
    SPILLWAY_ADMIN_TOKEN: "admin-token",
    SPILLWAY_KEY_SECRET: "key-secret",
    UPSTREAM_BASE_URL: "https://api.example.com/v1/",
    UPSTREAM_API_KEY: "sk-upstream",
  };
  return { ...variables, ...change } as Env;
}

function problemsOf(change: Partial<Env>): readonly string[] {
  try {
    readConfig(environment(change));
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe("the environment's upstream", () => {
  test("is called default and takes everything", () => {
    const { upstream, extraHeaders } = readConfig(environment({ UPSTREAM_EXTRA_HEADERS: "X-Simulate, ,x-b" }));
    expect(upstream).toMatchObject({
      id: "default",
      baseUrl: "https://api.example.com/v1",
      keySecret: "UPSTREAM_API_KEY",
      features: null,
      models: null,
      order: 100,
      weight: 1,
      websocket: "bridge",
      videoExtensions: "added",
      patience: { connectMs: 90_000, firstByteMs: 600_000, idleMs: 120_000, totalMs: 1_800_000 },
    });
    expect(extraHeaders).toEqual(["x-simulate", "x-b"]);
  });

  test("is as patient and speaks WebSocket as its variables say", () => {
    const { upstream } = readConfig(
      environment({ UPSTREAM_FIRST_BYTE_MS: "400", UPSTREAM_IDLE_MS: "300", UPSTREAM_WEBSOCKET: "refuse" }),
    );
    expect(upstream).toMatchObject({ websocket: "refuse", patience: { firstByteMs: 400, idleMs: 300 } });
  });

  test.each<[Partial<Env>, RegExp]>([
    [{ UPSTREAM_BASE_URL: "" }, /^UPSTREAM_BASE_URL \(/],
    [{ UPSTREAM_BASE_URL: "http://api.example.com" }, /^UPSTREAM_BASE_URL \(.*https/],
    [{ UPSTREAM_BASE_URL: "https://api.example.com/v1?v=1" }, /^UPSTREAM_BASE_URL \(.*query/],
    [{ UPSTREAM_API_KEY: "short" }, /^UPSTREAM_API_KEY /],
    [{ UPSTREAM_WEBSOCKET: "yes" }, /^UPSTREAM_WEBSOCKET \(pass, bridge or refuse\)/],
    [{ UPSTREAM_IDLE_MS: "-1" }, /^UPSTREAM_IDLE_MS /],
    [{ SPILLWAY_JURISDICTION: "europe" }, /^SPILLWAY_JURISDICTION \(eu, us/],
    [{ SPILLWAY_LOCATION_HINT: "EU" }, /^SPILLWAY_LOCATION_HINT \(wnam, /],
    [{ SPILLWAY_GROUPED_CALLS: "maybe" }, /^SPILLWAY_GROUPED_CALLS \(on or off\)/],
  ])("is refused with %j", (change, problem) => {
    expect(problemsOf(change)).toEqual([expect.stringMatching(problem)]);
  });
});

test("the secret of an upstream is found by its name, and no other variable is", () => {
  const env = environment({ UPSTREAM_AZURE_KEY: "sk-azure", UPSTREAM_EMPTY: "" });
  expect(upstreamKey(env, "UPSTREAM_AZURE_KEY")).toBe("sk-azure");
  expect(upstreamKey(env, "UPSTREAM_EMPTY")).toBeNull();
  expect(upstreamKey(env, "UPSTREAM_OTHER")).toBeNull();
  expect(upstreamKey(env, "SPILLWAY_ADMIN_TOKEN")).toBeNull();
  expect(upstreamKey(env, "constructor")).toBeNull();
});
