import type { JsonObject } from "../../protocol/adapter.ts";
import { isObject } from "../../protocol/json-object.ts";
import { parseData } from "../../protocol/sse.ts";
import type { GatewayDeps } from "../journey.ts";
import { reach } from "../reach.ts";
import { readWhole } from "../whole-body.ts";

const PAGE = 100;
/** An upstream that begins more videos than this in half an hour is not searched any further back. */
const MOST_PAGES = 20;

/** Upstreams' own lists of videos, each read once, newest first, back to the instant `since` (ms). */
export class NewestVideos {
  readonly #deps: GatewayDeps;
  readonly #mintId: () => string;
  readonly #since: number;
  readonly #lists = new Map<string, Promise<readonly JsonObject[]>>();

  constructor(deps: GatewayDeps, mintId: () => string, since: number) {
    this.#deps = deps;
    this.#mintId = mintId;
    this.#since = since;
  }

  /** Empty, or short, where upstream cannot be asked. */
  of(upstream: string, model: string): Promise<readonly JsonObject[]> {
    const name = JSON.stringify([upstream, model]);
    const list = this.#lists.get(name) ?? this.#read(upstream, model);
    this.#lists.set(name, list);
    return list;
  }

  async #read(upstream: string, model: string): Promise<JsonObject[]> {
    const all: JsonObject[] = [];
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const last = all.at(-1);
      const found = await this.#page(upstream, model, typeof last?.id === "string" ? last.id : null);
      all.push(...found.videos);
      const oldest = found.videos.at(-1);
      const isEnough = typeof oldest?.created_at !== "number" || oldest.created_at * 1_000 < this.#since;
      if (!found.hasMore || isEnough) break;
    }
    return all;
  }

  async #page(
    upstream: string,
    model: string,
    after: string | null,
  ): Promise<{ readonly videos: JsonObject[]; readonly hasMore: boolean }> {
    const reached = await reach(this.#deps, {
      resource: { upstream, model },
      method: "GET",
      path: "/videos",
      search: `?limit=${PAGE}&order=desc${after === null ? "" : `&after=${encodeURIComponent(after)}`}`,
      from: new Headers(),
      requestId: this.#mintId(),
      streamed: false,
    });
    if (reached.kind === "failed") return { videos: [], hasMore: false };
    const text = await readWhole(reached.call);
    const list = text === null || !reached.call.response.ok ? null : parseData(text);
    const videos = Array.isArray(list?.data) ? list.data.filter((video): video is JsonObject => isObject(video)) : [];
    return { videos, hasMore: list?.has_more === true };
  }
}
