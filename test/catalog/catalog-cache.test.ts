import { describe, expect, test } from "vitest";
import { buildCatalog, type Catalog } from "../../src/catalog/catalog.ts";
import { createCatalogCache, FRESH_MS } from "../../src/catalog/catalog-cache.ts";

/** A cache with a clock and loads that the test decides about. */
function bench() {
  const loads: { resolve: (catalog: Catalog) => void; reject: (error: Error) => void }[] = [];
  const refreshes: Promise<unknown>[] = [];
  const complaints: unknown[] = [];
  let now = 0;
  const cache = createCatalogCache({
    load: () => new Promise((resolve, reject) => loads.push({ resolve, reject })),
    now: () => now,
    onStale: (error) => complaints.push(error),
  });
  const get = () => cache.get((refresh) => refreshes.push(refresh));
  return {
    cache,
    loads,
    refreshes,
    complaints,
    get,
    pass: (ms: number) => {
      now += ms;
    },
    settle: () => Promise.all(refreshes),
    /** Fills the cache with `catalog`. */
    async fill(catalog: Catalog) {
      const first = get();
      loads.at(-1)?.resolve(catalog);
      await first;
    },
  };
}

const OLD = buildCatalog([], []);
const NEW = buildCatalog([], []);
const NEWEST = buildCatalog([], []);
const DOWN = new Error("D1 is down");

describe("the catalog of an isolate", () => {
  test("is waited for once; then 15 seconds of requests read nothing", async () => {
    const { fill, get, pass, loads, refreshes } = bench();
    await fill(OLD);
    for (let n = 0; n < 100; n += 1) expect(await get()).toBe(OLD);
    pass(FRESH_MS - 1);
    expect(await get()).toBe(OLD);
    expect(loads).toHaveLength(1);
    expect(refreshes).toHaveLength(0);
  });

  test("is served stale at once while one refresh runs, however many ask", async () => {
    const { fill, get, pass, loads, refreshes, settle } = bench();
    await fill(OLD);
    pass(FRESH_MS);
    for (let n = 0; n < 100; n += 1) expect(await get()).toBe(OLD);
    expect(loads).toHaveLength(2);
    expect(refreshes).toHaveLength(1);
    loads[1]?.resolve(NEW);
    await settle();
    expect(await get()).toBe(NEW);
    expect(loads).toHaveLength(2);
  });

  test("keeps being served when D1 fails, and D1 is asked again only after a pause", async () => {
    const { fill, get, pass, loads, settle, complaints } = bench();
    await fill(OLD);
    pass(FRESH_MS);
    await get();
    loads[1]?.reject(DOWN);
    await settle();
    expect(complaints).toEqual([DOWN]);
    expect(await get()).toBe(OLD);
    expect(loads).toHaveLength(2);
    pass(2_000);
    expect(await get()).toBe(OLD);
    expect(loads).toHaveLength(3);
    loads[2]?.resolve(NEW);
    await settle();
    expect(await get()).toBe(NEW);
  });

  test("is refreshed all the same when the request that carried a refresh was cut off", async () => {
    const { fill, get, pass, loads, settle, refreshes } = bench();
    await fill(OLD);
    pass(FRESH_MS);
    await get();
    refreshes.length = 0;
    pass(10_000);
    await get();
    expect(loads).toHaveLength(3);
    loads[2]?.resolve(NEW);
    await settle();
    expect(await get()).toBe(NEW);
  });

  test("is read anew by the first request after an admin write", async () => {
    const { cache, fill, get, loads } = bench();
    await fill(OLD);
    cache.drop();
    const next = get();
    loads[1]?.resolve(NEW);
    expect(await next).toBe(NEW);
    expect(await get()).toBe(NEW);
    expect(loads).toHaveLength(2);
  });

  test("does not bring back what was there before an admin write, when a refresh was under way", async () => {
    const { cache, fill, get, pass, loads, settle } = bench();
    await fill(OLD);
    pass(FRESH_MS);
    await get();
    cache.drop();
    loads[1]?.resolve(OLD);
    await settle();
    const next = get();
    expect(loads).toHaveLength(3);
    loads[2]?.resolve(NEW);
    expect(await next).toBe(NEW);
  });

  test("never goes back when an earlier read answers after a later one", async () => {
    const { get, loads } = bench();
    const [first, second] = [get(), get()];
    loads[1]?.resolve(NEWEST);
    expect(await second).toBe(NEWEST);
    loads[0]?.resolve(OLD);
    await first;
    expect(await get()).toBe(NEWEST);
  });

  test("is not waited for on behalf of another request: each reads for itself until there is one", async () => {
    const { get, loads } = bench();
    void get();
    const second = get();
    expect(loads).toHaveLength(2);
    loads[1]?.resolve(OLD);
    expect(await second).toBe(OLD);
  });

  test("is served as it was when D1 fails right after an admin write", async () => {
    const { cache, fill, get, pass, loads, complaints } = bench();
    await fill(OLD);
    cache.drop();
    const next = get();
    loads[1]?.reject(DOWN);
    expect(await next).toBe(OLD);
    expect(complaints).toEqual([DOWN]);
    expect(await get()).toBe(OLD);
    expect(loads).toHaveLength(2);
    pass(2_000);
    const later = get();
    loads[2]?.resolve(NEW);
    expect(await later).toBe(NEW);
  });

  test("is read anew after an admin write even while a refresh is still under way", async () => {
    const { cache, fill, get, pass, loads } = bench();
    await fill(OLD);
    pass(FRESH_MS);
    await get();
    cache.drop();
    const next = get();
    loads[2]?.resolve(NEW);
    expect(await next).toBe(NEW);
  });

  test("refuses only when there has never been one, and recovers by itself", async () => {
    const { get, loads } = bench();
    const first = get();
    loads[0]?.reject(DOWN);
    await expect(first).rejects.toBe(DOWN);
    const second = get();
    loads[1]?.resolve(NEW);
    expect(await second).toBe(NEW);
  });
});
