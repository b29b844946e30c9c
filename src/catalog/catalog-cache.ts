import type { Catalog } from "./catalog.ts";

/** How long a snapshot counts as fresh. */
export const FRESH_MS = 15_000;
/** How long a refresh is waited for before another is begun: the request that carried it may have been cut off. */
const REFRESH_LOST_MS = 10_000;
/** The pause after a load that failed, while an older snapshot is served. */
const RETRY_MS = 2_000;

export interface CatalogCacheDeps {
  /** Reads the catalog from D1. */
  readonly load: () => Promise<Catalog>;
  readonly now: () => number;
  /** Told when a load failed and an older snapshot was served instead. */
  readonly onStale: (error: unknown) => void;
}

export interface CatalogCache {
  /**
   * The catalog, at once if there is one: fresh, or stale while `waitUntil` carries a refresh. Waits for D1 only when
   * the isolate has none or has just written. Rejects only when D1 fails and the isolate never had one.
   */
  get(waitUntil: (refresh: Promise<unknown>) => void): Promise<Catalog>;
  /** Call after an admin write: the next `get` of this isolate sees it. */
  drop(): void;
}

interface Held {
  readonly catalog: Catalog;
  readonly loadedAt: number;
  /** The number of its load, in the order in which loads were begun. */
  readonly ticket: number;
}

/** One cache per isolate. */
export function createCatalogCache({ load, now, onStale }: CatalogCacheDeps): CatalogCache {
  let held: Held | null = null;
  let tickets = 0;
  /** Loads up to this one may have read what was there before a write. */
  let droppedAt = 0;
  let nextRefreshAt = 0;

  async function reload(): Promise<Catalog> {
    tickets += 1;
    const ticket = tickets;
    const loadedAt = now();
    const catalog = await load();
    // A load must not replace one that was begun after it. One begun before a write is told by its ticket in `get`.
    if (ticket > (held?.ticket ?? 0)) held = { catalog, loadedAt, ticket };
    return catalog;
  }

  async function refresh(): Promise<void> {
    try {
      await reload();
      nextRefreshAt = 0;
    } catch (error) {
      nextRefreshAt = now() + RETRY_MS;
      onStale(error);
    }
  }

  return {
    async get(waitUntil) {
      if (held === null || held.ticket <= droppedAt) {
        const older = held;
        if (older !== null && now() < nextRefreshAt) return older.catalog;
        // Each request waits for its own load: in Workers, a promise of one request's I/O never settles for another
        // when that request is cut off.
        try {
          return await reload();
        } catch (error) {
          if (older === null) throw error;
          nextRefreshAt = now() + RETRY_MS;
          onStale(error);
          return older.catalog;
        }
      }
      if (now() - held.loadedAt >= FRESH_MS && now() >= nextRefreshAt) {
        nextRefreshAt = now() + REFRESH_LOST_MS;
        waitUntil(refresh());
      }
      return held.catalog;
    },
    drop() {
      droppedAt = tickets;
      nextRefreshAt = 0;
    },
  };
}
