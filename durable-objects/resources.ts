import type { Made } from "../src/core/continuation.ts";
import type { Resource } from "../src/core/resource.ts";
import type { CountedSql } from "./counted-sql.ts";
import { RESPONSES_MOST, RecentItems } from "./recent-items.ts";
import { ResourceStore } from "./resource-store.ts";

/** What the account has made at upstreams: its rows, and in memory the items of its newest responses. */
export class Resources implements Made {
  readonly store: ResourceStore;
  /** Read when an item is named for the first time: most accounts never name one. */
  #items: RecentItems | null = null;

  constructor(sql: CountedSql) {
    this.store = new ResourceStore(sql);
  }

  response(id: string): Resource | null {
    const resource = this.store.resource(id);
    return resource?.kind === "response" ? resource : null;
  }

  ownerOf(itemId: string): Resource | null {
    const id = this.#recentItems().ownerOf(itemId);
    return id === null ? null : this.response(id);
  }

  keep(resource: Resource): void {
    this.store.write(resource);
    if (resource.kind === "response") this.#items?.add(resource);
  }

  /** Drops what is in memory. */
  forget(): void {
    this.#items = null;
  }

  #recentItems(): RecentItems {
    const newest = { kind: "response", limit: RESPONSES_MOST, after: null, order: "desc" } as const;
    this.#items ??= new RecentItems(this.store.list(newest).reverse());
    return this.#items;
  }
}
