import { Hono } from "hono";
import * as z from "zod";
import { readAccount, readAccountIds } from "../catalog/read.ts";
import type { Reservation } from "../core/reservation.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { invalidCursor, pageOf } from "../http/query.ts";
import { decodeText, encodeText } from "../ledger/cursor.ts";
import { pendingWire } from "../wire/reservation.ts";

/** How many accounts one page looks into: each is one object call. */
const ACCOUNTS_AT_ONCE = 25;

/** Where a page ended: behind a request of an account, or without one behind all that the account has. */
interface Place {
  readonly account: string;
  readonly behind: Aged | null;
}

/** What the order of a list looks at. */
type Aged = Pick<Reservation, "reservedAt" | "requestId">;

interface Pending {
  readonly account: string;
  readonly reservation: Reservation;
}

/** Requests under way, by account, oldest first within each. */
export function reservationRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", async (c) => {
    if ((c.req.query("state") ?? "pending") !== "pending") {
      throw new HttpFault(
        400,
        "invalid_state",
        "Only state=pending is listed; ended requests are in the usage events.",
      );
    }
    return c.json(await pendingPage(c));
  });
  return routes;
}

/** They live in the accounts' objects: a page looks into some accounts, in the order of their ids. */
async function pendingPage(c: HttpContext) {
  const { limit, cursor } = pageOf(c);
  const from = cursor === null ? null : placeOf(cursor);
  const asked = c.req.query("account");
  const ids = asked ? [asked] : await accountsFrom(c.env.DB, from);
  if (asked && !(await readAccount(c.env.DB, asked))) {
    throw new HttpFault(404, "account_not_found", "There is no such account.");
  }
  const pending = (await Promise.all(ids.map((id) => pendingOf(c, id, from)))).flat();
  const shown = pending.slice(0, limit);
  const next = pending.length > limit ? placeBehind(shown.at(-1)) : asked ? null : placeBehindAccounts(ids);
  const now = Date.now();
  return {
    data: shown.map(({ account, reservation }) => pendingWire(account, reservation, now)),
    has_more: next !== null,
    next_cursor: next && cursorOf(next),
  };
}

async function accountsFrom(db: D1Database, from: Place | null): Promise<string[]> {
  if (!from?.behind) return readAccountIds(db, from?.account ?? null, ACCOUNTS_AT_ONCE);
  return [from.account, ...(await readAccountIds(db, from.account, ACCOUNTS_AT_ONCE - 1))];
}

/** An account's requests under way behind the place, oldest first. */
async function pendingOf(c: HttpContext, account: string, from: Place | null): Promise<Pending[]> {
  const behind = from?.account === account ? from.behind : null;
  const pending = await c.var.services.accounts.pending(account);
  return pending
    .filter((reservation) => behind === null || byAge(reservation, behind) > 0)
    .sort(byAge)
    .map((reservation) => ({ account, reservation }));
}

function byAge(a: Aged, b: Aged): number {
  return a.reservedAt - b.reservedAt || (a.requestId < b.requestId ? -1 : Number(a.requestId > b.requestId));
}

function placeBehind(last: Pending | undefined): Place | null {
  return last ? { account: last.account, behind: last.reservation } : null;
}

function placeBehindAccounts(ids: readonly string[]): Place | null {
  const last = ids.at(-1);
  return last !== undefined && ids.length === ACCOUNTS_AT_ONCE ? { account: last, behind: null } : null;
}

function cursorOf({ account, behind }: Place): string {
  return encodeText(JSON.stringify(behind ? [account, behind.reservedAt, behind.requestId] : [account]));
}

const PLACE = z.union([
  z.tuple([z.string()]).transform(([account]): Place => ({ account, behind: null })),
  z
    .tuple([z.string(), z.int(), z.string()])
    .transform(([account, reservedAt, requestId]): Place => ({ account, behind: { reservedAt, requestId } })),
]);

/** Throws {@link HttpFault} where the cursor is none of ours. */
function placeOf(cursor: string): Place {
  try {
    return PLACE.parse(JSON.parse(decodeText(cursor) ?? ""));
  } catch {
    throw invalidCursor();
  }
}
