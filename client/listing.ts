import type { RequestOptions, Transport } from "./transport.ts";
import type { Page } from "./types.ts";

export interface PageQuery {
  /** How many on a page: 1 to 500. */
  readonly limit?: number;
  /** The `next_cursor` of the page before. */
  readonly cursor?: string;
}

/**
 * A list, read page by page as it is gone through:
 *
 *     for await (const event of spillway.requests()) …
 *     const newest = await spillway.requests({ limit: 10 }).page();
 */
export class Listing<Item, Answer extends Page<Item> = Page<Item>> implements AsyncIterable<Item> {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #query: NonNullable<RequestOptions["query"]>;

  constructor(transport: Transport, path: string, query: RequestOptions["query"] = {}) {
    this.#transport = transport;
    this.#path = path;
    this.#query = query;
  }

  /** One page: the first, or the one after `cursor`. */
  page(cursor?: string): Promise<Answer> {
    const query = cursor === undefined ? this.#query : { ...this.#query, cursor };
    return this.#transport.json<Answer>("GET", this.#path, { query });
  }

  /** All pages, one after the other. A page may be empty and still have a next one. */
  async *pages(): AsyncGenerator<Answer> {
    let page = await this.page();
    yield page;
    while (page.next_cursor !== null) {
      page = await this.page(page.next_cursor);
      yield page;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    for await (const page of this.pages()) yield* page.data;
  }

  /** All items, or the first `most` of them. */
  async all(most = Number.POSITIVE_INFINITY): Promise<Item[]> {
    const items: Item[] = [];
    if (most <= 0) return items;
    for await (const item of this) {
      items.push(item);
      if (items.length >= most) break;
    }
    return items;
  }
}
