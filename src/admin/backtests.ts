import { Hono } from "hono";
import type { z } from "zod";
import { DEFAULT_RATE_CARD } from "../catalog/catalog.ts";
import { describeFaults, type ParsedDocument } from "../catalog/document.ts";
import { readPlanDocument, toPlan } from "../catalog/plan-document.ts";
import { readPlanLookup } from "../catalog/plan-lookup.ts";
import { readRateCardDocument, toRate } from "../catalog/rate-card-document.ts";
import { readRateLookup } from "../catalog/rate-lookup.ts";
import { readAccount } from "../catalog/read.ts";
import { type AccountBacktest, backtestAccount, type Trial } from "../core/backtest.ts";
import type { ChainedEntry } from "../core/event.ts";
import { tellNoAct } from "../http/admin-act.ts";
import { readAs } from "../http/body.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { activeAccounts, entriesOf, grantsLeftAt } from "../ledger/history.ts";
import { sha256Hex } from "../sha256.ts";
import { accountBacktestWire, backtestTotalsWire } from "../wire/backtest.ts";
import { instant } from "../wire/time.ts";
import { backtestRequest } from "./schemas.ts";

const ACCOUNTS_MOST = 200;
const EVENTS_MOST = 20_000;
/** The number of a version that is only tried. */
const TRIED = 0;

type BacktestRequest = z.output<typeof backtestRequest>;

/** Runs stored usage again under a plan or prices that are only tried: who would have paid what. Changes nothing. */
export function backtestRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.post("/", async (c) => {
    tellNoAct(c);
    const request = await readAs(c, backtestRequest);
    const trial = await trialOf(c, request);
    if (request.account && !(await readAccount(c.env.DB, request.account))) {
      throw new HttpFault(404, "account_not_found", "There is no such account.");
    }
    return c.json(await backtest(c.env.DB, request, trial));
  });
  return routes;
}

/** Without an account, a plan is tried on the requests that were made under the plan of its id. */
async function trialOf(c: HttpContext, { plan, rate_card, account }: BacktestRequest): Promise<Trial> {
  const tried = plan && toPlan(plan.id, TRIED, checked("plan", readPlanDocument(plan.document)));
  const card = rate_card && checked("rate_card", readRateCardDocument(rate_card.document));
  const models = new Map(Object.entries(card?.models ?? {}).map(([model, rate]) => [model, toRate(rate)]));
  const [planOf, rateOf] = await Promise.all([readPlanLookup(c.env.DB), readRateLookup(c.env.DB)]);
  return {
    planOf: (made) => (tried && (account || made.id === tried.id) ? tried : planOf(made)),
    quoteOf: (model, charged) => {
      const rate = card ? models.get(model) : rateOf(charged.id, charged.version, model);
      if (!rate) return null;
      const [cardId, cardVersion] = card ? [DEFAULT_RATE_CARD, TRIED] : [charged.id, charged.version];
      return { cardId, cardVersion, model, rate };
    },
  };
}

function checked<T>(part: string, parsed: ParsedDocument<T>): T {
  if (parsed.ok) return parsed.document;
  throw new HttpFault(400, `invalid_${part}`, describeFaults(parsed.faults));
}

async function backtest(db: D1Database, request: BacktestRequest, trial: Trial) {
  const { from, to, account, plan, rate_card } = request;
  const accounts = account ? [account] : await activeAccounts(db, from, ACCOUNTS_MOST + 1);
  const results: AccountBacktest[] = [];
  let events = 0;
  let truncated = accounts.length > ACCOUNTS_MOST;
  for (const accountId of accounts.slice(0, ACCOUNTS_MOST)) {
    const left = EVENTS_MOST - events;
    const entries: ChainedEntry[] = [];
    for await (const page of entriesOf(db, accountId, { from, to })) {
      entries.push(...page.slice(0, left - entries.length + 1));
      if (entries.length > left) break;
    }
    const cut = entries.length > left;
    if (cut) entries.pop();
    truncated ||= cut;
    events += entries.length;
    // A plan alone changes nothing for accounts that never had it.
    if (account || rate_card || entries.some(({ usage }) => usage?.decision.plan.id === plan?.id)) {
      const opening = await grantsLeftAt(db, accountId, from);
      results.push(backtestAccount({ accountId, opening, entries }, trial, sha256Hex));
    }
    if (cut) break;
  }
  return {
    plan: plan?.id ?? null,
    rate_card: rate_card ? DEFAULT_RATE_CARD : null,
    from: instant(from),
    to: instant(to),
    accounts: results.length,
    events,
    truncated,
    totals: backtestTotalsWire(results),
    data: results.sort(byDifference).map(accountBacktestWire),
  };
}

/** Those who would pay most more first, then those who would pay most less. */
function byDifference(a: AccountBacktest, b: AccountBacktest): number {
  const size = ({ before, after }: AccountBacktest): number => Math.abs(after.grants - before.grants);
  return size(b) - size(a) || (a.accountId < b.accountId ? -1 : 1);
}
