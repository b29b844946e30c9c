import type { Upstream } from "../catalog/upstream.ts";
import { covers } from "../core/plan.ts";
import { upstreamKey } from "../env.ts";
import type { Services } from "../http/services.ts";
import { afterFailure, afterRateLimit, type Circuit, CLOSED, readiness, trying } from "./circuit.ts";
import { orderFor } from "./rendezvous.ts";
import { nameThere, type Target, takes } from "./target.ts";

export interface UpstreamsDeps {
  /** The value of a secret; `null` when it is not set. */
  readonly keyOf: (secret: string) => string | null;
  readonly extraHeaders: readonly string[];
  readonly now: () => number;
  /** Told once for every upstream that cannot be asked because its secret is not set. */
  readonly onKeyMissing: (upstream: string, secret: string) => void;
}

/** Who asks for what. */
export interface Wish {
  readonly feature: string;
  readonly model: string;
  readonly accountId: string;
}

/** Chooses upstreams for requests, and remembers how they served them. One per isolate. */
export class Upstreams {
  readonly #deps: UpstreamsDeps;
  readonly #circuits = new Map<string, Circuit>();
  readonly #withoutKey = new Set<string>();

  constructor(deps: UpstreamsDeps) {
    this.#deps = deps;
  }

  /**
   * The targets for a request, in the order in which to ask them; empty when no upstream takes it. Report each call with
   * {@link succeeded} or {@link failed}. Upstreams that have been failing come last; the first request after their pause
   * tries them again.
   */
  targetsFor(upstreams: readonly Upstream[], wish: Wish): Target[] {
    const targets = this.#readyFirst(upstreams, wish);
    const [first] = targets;
    if (first === undefined || targets.length < 2) return targets;
    const circuit = this.#circuitOf(first.upstream);
    const now = this.#deps.now();
    if (readiness(circuit, now) === "trial") this.#circuits.set(first.upstream, trying(circuit, now));
    return targets;
  }

  /** The target for a question of which nobody reports how it was served, so that it is no trial of its upstream. */
  targetToLookAt(upstreams: readonly Upstream[], wish: Wish): Target | null {
    return this.#readyFirst(upstreams, wish)[0] ?? null;
  }

  #readyFirst(upstreams: readonly Upstream[], { feature, model, accountId }: Wish): Target[] {
    const asked = orderFor(
      accountId,
      upstreams.filter((upstream) => takes(upstream, feature, model)),
    );
    const targets = asked.flatMap((upstream) => this.#targetAt(upstream, model) ?? []);
    const now = this.#deps.now();
    const isOpen = ({ upstream }: Target) => readiness(this.#circuitOf(upstream), now) === "open";
    return [...targets.filter((target) => !isOpen(target)), ...targets.filter(isOpen)];
  }

  /** The upstreams that a client's WebSocket for any of these features may be connected to, in the order in which to try. */
  forWebSocket(upstreams: readonly Upstream[], features: readonly string[], accountId: string): Target[] {
    const offered = upstreams.filter(
      ({ websocket, features: taken }) => websocket !== "refuse" && features.some((feature) => covers(taken, feature)),
    );
    const targets = orderFor(accountId, offered).flatMap((upstream) => this.#targetAt(upstream, "") ?? []);
    const now = this.#deps.now();
    const isReady = ({ upstream }: Target) => readiness(this.#circuitOf(upstream), now) === "ready";
    return [...targets.filter(isReady), ...targets.filter((target) => !isReady(target))];
  }

  /** The target for something that lives at the upstream `id`; `null` when it is gone, disabled or without its key. */
  targetOf(upstreams: readonly Upstream[], id: string, model: string): Target | null {
    const upstream = upstreams.find((known) => known.id === id);
    return upstream ? this.#targetAt(upstream, model) : null;
  }

  /** It answered, or refused the request itself. */
  succeeded({ upstream }: Target): void {
    this.#circuits.delete(upstream);
  }

  /** It did not serve a request. `retryAfterSeconds` is what it answered with 429. */
  failed({ upstream }: Target, retryAfterSeconds?: number): void {
    const circuit = this.#circuitOf(upstream);
    const now = this.#deps.now();
    this.#circuits.set(
      upstream,
      retryAfterSeconds === undefined ? afterFailure(circuit, now) : afterRateLimit(circuit, now, retryAfterSeconds),
    );
  }

  #circuitOf(upstream: string): Circuit {
    return this.#circuits.get(upstream) ?? CLOSED;
  }

  #targetAt(upstream: Upstream, model: string): Target | null {
    const { id, baseUrl, keySecret, auth, query, websocket, patience } = upstream;
    const apiKey = this.#deps.keyOf(keySecret);
    if (apiKey === null) {
      this.#reportMissing(id, keySecret);
      return null;
    }
    const { extraHeaders } = this.#deps;
    return {
      upstream: id,
      model: nameThere(upstream, model),
      baseUrl,
      apiKey,
      auth,
      query,
      websocket,
      patience,
      extraHeaders,
    };
  }

  #reportMissing(upstream: string, secret: string): void {
    const missing = `${upstream} ${secret}`;
    if (this.#withoutKey.has(missing)) return;
    this.#withoutKey.add(missing);
    this.#deps.onKeyMissing(upstream, secret);
  }
}

const made = new WeakMap<Services, Upstreams>();

/** The upstreams of this isolate. */
export function upstreamsOf(services: Services): Upstreams {
  const known = made.get(services);
  if (known) return known;
  const upstreams = new Upstreams({
    keyOf: (secret) => upstreamKey(services.env, secret),
    extraHeaders: services.config.extraHeaders,
    now: () => Date.now(),
    onKeyMissing: (upstream, secret) =>
      console.error(JSON.stringify({ event: "upstream_key_missing", upstream, secret })),
  });
  made.set(services, upstreams);
  return upstreams;
}
