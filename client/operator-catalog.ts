import { Listing, type PageQuery } from "./listing.ts";
import { type ActOptions, type CallOptions, part, type Transport } from "./transport.ts";
import type {
  DeletedUpstream,
  Plan,
  PlanDocument,
  PlanPreview,
  RateCardDocument,
  RateCardPreview,
  RateCardVersion,
  Upstream,
  UpstreamDocument,
  UpstreamPreview,
  Upstreams,
} from "./types.ts";

/** Plans. */
export class PlansAdmin {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The newest version of each, by id. */
  list(query: PageQuery = {}): Listing<Plan> {
    return new Listing(this.#transport, "/admin/plans", { ...query });
  }

  /** Publishes a plan: the same document keeps its version, a changed one becomes the next. */
  put(id: string, document: PlanDocument, options?: ActOptions): Promise<Plan> {
    return this.#transport.json("PUT", `/admin/plans/${part(id)}`, { ...options, body: document });
  }

  /** Checks a document and compares it with the running one, without storing it. */
  preview(id: string, document: PlanDocument, options?: CallOptions): Promise<PlanPreview> {
    const asked = { ...options, body: document, query: { dry_run: "true" } };
    return this.#transport.json("PUT", `/admin/plans/${part(id)}`, asked);
  }
}

/** Prices. */
export class RateCardsAdmin {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Every version, newest first within a card. */
  list(query: PageQuery = {}): Listing<RateCardVersion> {
    return new Listing(this.#transport, "/admin/rate-cards", { ...query });
  }

  /** Publishes a version, in force from its `effective_at` or at once. */
  put(id: string, document: RateCardDocument, options?: ActOptions): Promise<RateCardVersion> {
    return this.#transport.json("PUT", `/admin/rate-cards/${part(id)}`, { ...options, body: document });
  }

  /** Checks a document and compares it with the running one, without storing it. */
  preview(id: string, document: RateCardDocument, options?: CallOptions): Promise<RateCardPreview> {
    const asked = { ...options, body: document, query: { dry_run: "true" } };
    return this.#transport.json("PUT", `/admin/rate-cards/${part(id)}`, asked);
  }
}

/** Where requests are sent. */
export class UpstreamsAdmin {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** By id; every page also tells of the environment's own. */
  list(query: PageQuery = {}): Listing<Upstream, Upstreams> {
    return new Listing(this.#transport, "/admin/upstreams", { ...query });
  }

  put(id: string, document: UpstreamDocument, options?: ActOptions): Promise<Upstream> {
    return this.#transport.json("PUT", `/admin/upstreams/${part(id)}`, { ...options, body: document });
  }

  /** Checks a document and compares it with the running one, without storing it. */
  preview(id: string, document: UpstreamDocument, options?: CallOptions): Promise<UpstreamPreview> {
    const asked = { ...options, body: document, query: { dry_run: "true" } };
    return this.#transport.json("PUT", `/admin/upstreams/${part(id)}`, asked);
  }

  remove(id: string, options?: ActOptions): Promise<DeletedUpstream> {
    const gone = { code: "upstream_not_found", answer: { id, deleted: true } };
    return this.#transport.json("DELETE", `/admin/upstreams/${part(id)}`, { ...options, gone });
  }
}
