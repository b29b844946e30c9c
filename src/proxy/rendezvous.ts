import { sha256Hex } from "../sha256.ts";

/** What decides in which order upstreams are asked. */
export interface Contender {
  readonly id: string;
  readonly order: number;
  readonly weight: number;
}

/**
 * The upstreams in the order in which an account asks them: by `order`, and within one by weighted rendezvous hashing.
 * An account keeps its upstream, whose prompt cache knows it, whatever happens to the others; the first places fall to
 * them by their weights. Weight 0 stands behind all others of its order.
 */
export function orderFor<One extends Contender>(accountId: string, upstreams: readonly One[]): readonly One[] {
  if (upstreams.length < 2) return upstreams;
  return upstreams
    .map((upstream) => ({ upstream, distance: distance(accountId, upstream) }))
    .sort((a, b) => compare(a.upstream, b.upstream) || a.distance - b.distance)
    .map(({ upstream }) => upstream);
}

function compare(a: Contender, b: Contender): number {
  return a.order - b.order || Number(a.weight === 0) - Number(b.weight === 0);
}

const HEX_DIGITS = 13;
const RANGE = 16 ** HEX_DIGITS;

/** Exponentially distributed with the weight as its rate: the chance to be the smallest is the share of the weight. */
function distance(accountId: string, { id, weight }: Contender): number {
  const hash = Number.parseInt(sha256Hex(`${accountId}|${id}`).slice(0, HEX_DIGITS), 16);
  return -Math.log((hash + 0.5) / RANGE) / (weight || 1);
}
