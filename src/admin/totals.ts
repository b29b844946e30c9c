import { Hono } from "hono";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { instantOf } from "../http/query.ts";
import { usualFrom } from "../http/usage-query.ts";
import { dailyTotals, type KindQuery, kindTotals } from "../ledger/kind-totals.ts";
import { dayTotalWire, kindTotalWire } from "../wire/totals.ts";

const DAY_MS = 24 * 3_600_000;
const DAYS_MOST = 366;

/** The sum of each kind of balance update, over one account or all; by day, it shows what was written off and when. */
export function totalsRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", async (c) => {
    const totals = await kindTotals(
      c.env.DB,
      queryOf(c, () => 0),
    );
    return c.json({ data: totals.map(kindTotalWire), has_more: false, next_cursor: null });
  });
  routes.get("/daily", async (c) => {
    const query = queryOf(c, usualFrom);
    if (query.to - query.from > DAYS_MOST * DAY_MS) {
      throw new HttpFault(400, "span_too_long", `from and to may be at most ${DAYS_MOST} days apart.`);
    }
    const days = await dailyTotals(c.env.DB, query);
    return c.json({ data: days.map(dayTotalWire), has_more: false, next_cursor: null });
  });
  return routes;
}

function queryOf(c: HttpContext, begin: (to: number) => number): KindQuery {
  const to = instantOf(c, "to", Date.now() + 1);
  const from = instantOf(c, "from", begin(to));
  return { accountId: c.req.query("account") ?? null, from, to };
}
