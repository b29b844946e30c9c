import { describe, expect, test } from "vitest";
import type { Upstream } from "../../src/catalog/upstream.ts";
import { readUpstreamDocument, toUpstream } from "../../src/catalog/upstream-document.ts";

const KEY = "UPSTREAM_SECOND_KEY";
const ADDRESS = "https://api.example.com/v1";
const ENVIRONMENT: Upstream = {
  id: "default",
  baseUrl: "http://upstream.test/v1",
  keySecret: "UPSTREAM_API_KEY",
  auth: "bearer",
  query: {},
  features: null,
  models: null,
  order: 100,
  weight: 1,
  websocket: "pass",
  videoExtensions: "added",
  patience: { connectMs: 1, firstByteMs: 2, idleMs: 3, totalMs: 4 },
};

function read(document: object, id = "second") {
  return readUpstreamDocument(id, { base_url: ADDRESS, key_secret: KEY, ...document });
}

function upstream(document: object, id = "second", environment: Upstream | null = ENVIRONMENT): Upstream | null {
  const parsed = readUpstreamDocument(id, document);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return toUpstream(id, parsed.document, environment);
}

describe("an upstream document", () => {
  test("needs an address and a key of its own: everything else has a default", () => {
    expect(upstream({ base_url: `${ADDRESS}/`, key_secret: KEY })).toEqual({
      id: "second",
      baseUrl: ADDRESS,
      keySecret: KEY,
      auth: "bearer",
      query: {},
      features: null,
      models: null,
      order: 100,
      weight: 1,
      websocket: "bridge",
      videoExtensions: "added",
      patience: { connectMs: 90_000, firstByteMs: 600_000, idleMs: 120_000, totalMs: 1_800_000 },
    });
  });

  test("says all that Azure needs", () => {
    const azure = {
      base_url: "https://x.openai.azure.com/openai/deployments/{model}",
      key_secret: "UPSTREAM_AZURE_KEY",
      auth: "api-key",
      query: { "api-version": "2025-04-01-preview" },
      models: { "gpt-5.4": "our-gpt-5-4" },
      connect_ms: 1_000,
    };
    expect(upstream(azure)).toMatchObject({
      baseUrl: azure.base_url,
      keySecret: "UPSTREAM_AZURE_KEY",
      auth: "api-key",
      query: { "api-version": "2025-04-01-preview" },
      models: { "gpt-5.4": "our-gpt-5-4" },
      patience: { connectMs: 1_000, firstByteMs: 600_000 },
    });
  });

  test("may list models that have the same names there", () => {
    expect(upstream({ base_url: ADDRESS, key_secret: KEY, models: ["a", "b"] })?.models).toEqual({ a: "a", b: "b" });
    expect(upstream({ base_url: ADDRESS, key_secret: KEY, models: { a: "@cf/meta/a" } })?.models).toEqual({
      a: "@cf/meta/a",
    });
  });

  test("called default replaces the environment's settings, and takes from it what it leaves open", () => {
    expect(upstream({ idle_ms: 30, order: 7 }, "default")).toMatchObject({
      baseUrl: "http://upstream.test/v1",
      order: 7,
      websocket: "bridge",
      videoExtensions: "added",
      patience: { connectMs: 1, firstByteMs: 2, idleMs: 30, totalMs: 4 },
    });
    expect(upstream({ base_url: ADDRESS }, "default")?.baseUrl).toBe(ADDRESS);
    expect(upstream({}, "default", null)).toBeNull();
  });

  test("is complete, and reads the same a second time", () => {
    const parsed = read({ models: ["a"], query: { v: "1" }, features: ["codex"] });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    expect(parsed.document).toMatchObject({ key_secret: KEY, first_byte_ms: null, enabled: true });
    expect(readUpstreamDocument("second", parsed.document)).toEqual(parsed);
  });

  test.each<[string, object, string, RegExp]>([
    ["no address", { base_url: undefined }, "base_url", /is required/],
    ["no key of its own", { key_secret: undefined }, "key_secret", /is required: only the upstream default/],
    ["an address left to the environment", { base_url: null }, "base_url", /only the upstream default/],
    ["an address in numbers", { base_url: "https://0x7f000001" }, "base_url", /IP address/],
    ["an address that is none", { base_url: 1 }, "base_url", /address of an OpenAI-shaped API/],
    ["the gateway's own secrets", { key_secret: "SPILLWAY_ADMIN_TOKEN" }, "key_secret", /begins with UPSTREAM_/],
    ["a key instead of its name", { key_secret: "sk-live-123" }, "key_secret", /begins with UPSTREAM_/],
    ["a secret in small letters", { key_secret: "UPSTREAM_key" }, "key_secret", /begins with UPSTREAM_/],
    ["a secret without a name", { key_secret: "UPSTREAM_" }, "key_secret", /begins with UPSTREAM_/],
    ["a long secret", { key_secret: `UPSTREAM_${"X".repeat(56)}` }, "key_secret", /begins with UPSTREAM_/],
    ["a setting as a secret", { key_secret: "UPSTREAM_BASE_URL" }, "key_secret", /holds no key/],
    ["a prototype as a secret", { key_secret: "__proto__" }, "key_secret", /begins with UPSTREAM_/],
    ["an unknown way to sign in", { auth: "basic" }, "auth", /accepted: bearer, api-key/],
    ["a query as text", { query: "a=b" }, "query", /object of query parameter/],
    ["a number in the query", { query: { a: 1 } }, "query.a", /must be a text/],
    ["a parameter with a sign", { query: { "a&b": "1" } }, 'query["a&b"]', /query parameter's name/],
    ["no feature at all", { features: [] }, "features", /at least one feature/],
    ["features as text", { features: "codex" }, "features", /list of features/],
    ["no model at all", { models: [] }, "models", /at least one model/],
    ["a model that cannot be a name", { models: [{ toString: 1 }] }, 'models["0"]', /model's name at the upstream/],
    ["a model that is a number", { models: [5] }, 'models["5"]', /model's name at the upstream/],
    ["a model with a space", { models: { "a b": "x" } }, 'models["a b"]', /must be a model id/],
    ["a name that climbs", { models: { a: "../b" } }, "models.a", /model's name at the upstream/],
    ["a negative order", { order: -1 }, "order", /from 0 to 1000/],
    ["half a weight", { weight: 0.5 }, "weight", /from 0 to 1000/],
    ["a WebSocket mode that is none", { websocket: true }, "websocket", /accepted: pass, bridge, refuse/],
    ["no patience", { connect_ms: 0 }, "connect_ms", /from 1 to/],
    ["endless patience", { idle_ms: 1e12 }, "idle_ms", /from 1 to/],
    ["enabled as text", { enabled: "no" }, "enabled", /true or false/],
    ["a misspelt field", { baseurl: ADDRESS }, "baseurl", /not a known field/],
    ["a key", { api_key: "sk-live" }, "api_key", /not a known field/],
    ["a prototype", JSON.parse('{"models":{"__proto__":"x"}}'), "models.__proto__", /reserved name/],
  ])("is refused with %s", (_name, change, path, message) => {
    const parsed = read(change);
    if (parsed.ok) throw new Error("accepted");
    expect(parsed.faults).toContainEqual({ path, message: expect.stringMatching(message) });
  });
});
