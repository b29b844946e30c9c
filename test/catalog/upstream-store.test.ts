import { beforeEach, describe, expect, test } from "vitest";
import { listUpstreams } from "../../src/catalog/list.ts";
import { readCatalog } from "../../src/catalog/read.ts";
import { type Upstream, USUAL_PATIENCE } from "../../src/catalog/upstream.ts";
import { readUpstreamDocument, type UpstreamDocument } from "../../src/catalog/upstream-document.ts";
import { deleteUpstream, putUpstream } from "../../src/catalog/write.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";

const NOW = Date.UTC(2026, 10, 22);
const ALL = { limit: 50, cursor: null };
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
  websocket: "bridge",
  videoExtensions: "added",
  patience: USUAL_PATIENCE,
};

let database: D1Database;

beforeEach(() => {
  database = migratedD1().db;
});

const KEY = "UPSTREAM_SECOND_KEY";

function document(id: string, change: object = {}): UpstreamDocument {
  const parsed = readUpstreamDocument(id, { base_url: "https://api.example.com/v1", key_secret: KEY, ...change });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.document;
}

function put(id: string, change: object = {}, now = NOW) {
  return putUpstream(database, id, document(id, change), now);
}

async function known(): Promise<string[]> {
  const upstreams = (await readCatalog(database, NOW, ENVIRONMENT)).upstreams();
  return upstreams.map(({ id, baseUrl }) => `${id} ${baseUrl}`);
}

describe("the upstreams of the catalog", () => {
  test("are the environment's alone until others are put", async () => {
    expect((await readCatalog(database, NOW, ENVIRONMENT)).upstreams()).toEqual([ENVIRONMENT]);
    expect((await readCatalog(database, NOW)).upstreams()).toEqual([]);
  });

  test("are the environment's and those that were put, and no longer those that were deleted", async () => {
    await put("second");
    expect(await known()).toEqual(["default http://upstream.test/v1", "second https://api.example.com/v1"]);
    expect(await deleteUpstream(database, "second")).toBe(true);
    expect(await deleteUpstream(database, "second")).toBe(false);
    expect(await known()).toEqual(["default http://upstream.test/v1"]);
  });

  test("hold the environment's once, however it is replaced, and not at all when it is disabled", async () => {
    await put("default", { base_url: null, weight: 5 });
    expect(await known()).toEqual(["default http://upstream.test/v1"]);
    await put("default");
    expect(await known()).toEqual(["default https://api.example.com/v1"]);
    await put("default", { enabled: false });
    expect(await known()).toEqual([]);
  });
});

test("an upstream that is put again keeps its first instant, and its last one where nothing changed", async () => {
  expect(await put("second")).toEqual({ createdAt: NOW, updatedAt: NOW });
  expect(await put("second", {}, NOW + 1)).toEqual({ createdAt: NOW, updatedAt: NOW });
  expect(await put("second", { weight: 2 }, NOW + 2)).toEqual({ createdAt: NOW, updatedAt: NOW + 2 });
});

test("the list for administrators shows disabled ones as well, page by page", async () => {
  for (const id of ["c", "a", "b"]) await put(id, { enabled: id !== "a" });
  const first = await listUpstreams(database, { limit: 2, cursor: null });
  expect(first).toMatchObject({
    data: [{ id: "a", enabled: false, created_at: "2026-11-22T00:00:00.000Z" }, { id: "b" }],
    has_more: true,
    next_cursor: "b@upstream",
  });
  expect(await listUpstreams(database, { limit: 2, cursor: first.next_cursor })).toMatchObject({ data: [{ id: "c" }] });
  expect((await listUpstreams(database, ALL)).has_more).toBe(false);
});

test("an upstream that no longer reads is an error that names it, never a guess where to send a key", async () => {
  await database.prepare("INSERT INTO upstreams VALUES ('broken', '{\"base_url\":\"http://x\"}', 0, 0)").bind().run();
  await expect(readCatalog(database, NOW, ENVIRONMENT)).rejects.toThrow(/upstream broken cannot be read: base_url/);
});
