import type { HttpContext } from "./context.ts";

/** What the handler of an `/admin` route says of the action that it has done. */
export interface AdminAct {
  /** Subject and verb, such as `grant.void`. */
  readonly action: string;
  readonly account?: string | null;
  /** What it was done to within the account or the catalog: a grant, a key, a plan. */
  readonly target?: string;
  readonly reason?: string | null;
  /** Short, and without secrets: it is kept for ever. */
  readonly before?: unknown;
  readonly after?: unknown;
  /** A part of it was done before the request failed. Logged all the same, with `after.unfinished`. */
  readonly unfinished?: boolean;
}

/** `null`: the request changed nothing, so there is nothing to log. */
const told = new WeakMap<HttpContext, AdminAct | null>();

/** Says what was done. It is logged before the answer goes out. */
export function tellAct(c: HttpContext, act: AdminAct): void {
  told.set(c, act);
}

/** Says that nothing was changed: a dry run, a question that was asked by POST. */
export function tellNoAct(c: HttpContext): void {
  told.set(c, null);
}

/** What was told; `undefined` when nothing was. */
export function toldAct(c: HttpContext): AdminAct | null | undefined {
  return told.get(c);
}
