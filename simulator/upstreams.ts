import { BoundedMap } from "./bounded-map.ts";
import { createResponseStore, type ResponseStore } from "./response-store.ts";
import { createVideoStore, type VideoStore } from "./video-store.ts";

/** What one upstream keeps. */
export interface Upstream {
  readonly responses: ResponseStore;
  readonly videos: VideoStore;
}

/** One simulator stands in for several upstreams: each host (with its port) is one. */
export interface Upstreams {
  of(host: string): Upstream;
  /** Those that were asked for, by their hosts. */
  all(): Iterable<[host: string, Upstream]>;
}

const MAX_HOSTS = 50;

export function createUpstreams(): Upstreams {
  const upstreams = new BoundedMap<string, Upstream>(MAX_HOSTS);
  return {
    of(host) {
      const known = upstreams.get(host);
      if (known !== undefined) return known;
      const upstream = { responses: createResponseStore(), videos: createVideoStore() };
      upstreams.set(host, upstream);
      return upstream;
    },
    all: () => upstreams.entries(),
  };
}
