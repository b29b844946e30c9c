import type { Resource } from "../src/core/resource.ts";

/** Responses whose items can be named. */
export const RESPONSES_MOST = 1_000;
/** Items of all of them; so much memory may be used for each account. */
const ITEMS_MOST = 20_000;

/** Which response an item belongs to, for the newest responses of an account. */
export class RecentItems {
  readonly #owners = new Map<string, string>();
  /** In the order in which they became known. */
  readonly #responses = new Map<string, readonly string[]>();

  /** @param responses newest last */
  constructor(responses: Iterable<Resource>) {
    for (const response of responses) this.add(response);
  }

  add({ id, itemIds }: Resource): void {
    this.#forget(id);
    this.#responses.set(id, itemIds);
    for (const item of itemIds) this.#owners.set(item, id);
    for (const oldest of this.#responses.keys()) {
      if (this.#responses.size <= RESPONSES_MOST && this.#owners.size <= ITEMS_MOST) break;
      this.#forget(oldest);
    }
  }

  /** The id of the response whose output the item was. */
  ownerOf(itemId: string): string | null {
    return this.#owners.get(itemId) ?? null;
  }

  #forget(id: string): void {
    for (const item of this.#responses.get(id) ?? []) {
      if (this.#owners.get(item) === id) this.#owners.delete(item);
    }
    this.#responses.delete(id);
  }
}
