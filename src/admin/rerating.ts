import { Hono } from "hono";
import type { z } from "zod";
import { readAccount, readAccountIds, readRate } from "../catalog/read.ts";
import { formatCredits } from "../core/amount.ts";
import { price } from "../core/rate-card.ts";
import type { Charged, RerateCommand } from "../core/rerate.ts";
import { tellAct, tellNoAct } from "../http/admin-act.ts";
import { readAs } from "../http/body.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { type RerateQuery, readCharges, toBePricedAgain } from "../ledger/rerating.ts";
import { newRerating } from "./schemas.ts";

const CHARGES_AT_ONCE = 50;
const LISTED = 200;

/** Corrects a wrong price: charges of a span of time are priced again at another version of their rate card. */
export function reratingRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.post("/", async (c) => c.json(await rerateAll(c)));
  return routes;
}

interface Corrected {
  readonly account: string;
  readonly usage_event: string;
  readonly difference: string;
}

type Asked = z.output<typeof newRerating>;

/** What a re-rating came to so far. Each charge is corrected by itself. */
interface Sums {
  charges: number;
  outdated: number;
  difference: number;
  readonly corrected: Corrected[];
}

async function rerateAll(c: HttpContext) {
  const body = await readAs(c, newRerating);
  const sums: Sums = { charges: 0, outdated: 0, difference: 0, corrected: [] };
  if (body.dry_run) {
    tellNoAct(c);
    await rerateEach(c, body, sums);
  } else {
    await priceEach(c, body);
    try {
      await rerateEach(c, body, sums);
      tellRerating(c, body, sums);
    } catch (error) {
      if (sums.corrected.length > 0) tellRerating(c, body, sums, true);
      throw error;
    }
  }
  return { dry_run: body.dry_run, ...sums, difference: formatCredits(sums.difference) };
}

/** Throws where a charge cannot be priced, before any is corrected. */
async function priceEach(c: HttpContext, body: Asked): Promise<void> {
  for await (const accountId of accountsOf(c, body.account ?? null)) {
    for await (const charged of chargesOf(c, accountId, queryOf(body))) await commandFor(c, charged, body);
  }
}

async function rerateEach(c: HttpContext, body: Asked, sums: Sums): Promise<void> {
  for await (const accountId of accountsOf(c, body.account ?? null)) {
    for await (const charged of chargesOf(c, accountId, queryOf(body))) {
      sums.charges += 1;
      const command = await commandFor(c, charged, body);
      const reply = await c.var.services.accounts.rerate(accountId, command, body.dry_run);
      if (reply.kind === "outdated") sums.outdated += 1;
      const posted = reply.kind === "rerated" && !reply.repeated ? reply.difference : 0;
      if (posted === 0) continue;
      sums.difference += posted;
      if (sums.corrected.length < LISTED) {
        const difference = formatCredits(posted);
        sums.corrected.push({ account: accountId, usage_event: charged.usage.id, difference });
      }
    }
  }
}

function queryOf({ rate_card, versions, from, to }: Asked): RerateQuery {
  return { cardId: rate_card, versions, from, to };
}

function tellRerating(
  c: HttpContext,
  { rate_card, versions, to_version, account, reason }: Asked,
  { charges, outdated, difference }: Sums,
  unfinished = false,
): void {
  tellAct(c, {
    action: "charges.rerate",
    ...(account ? { account } : {}),
    target: rate_card,
    reason,
    before: { versions },
    after: { version: to_version, charges, outdated, difference: formatCredits(difference) },
    ...(unfinished ? { unfinished } : {}),
  });
}

async function* accountsOf(c: HttpContext, only: string | null): AsyncGenerator<string> {
  if (only !== null) {
    if (!(await readAccount(c.env.DB, only))) {
      throw new HttpFault(404, "account_not_found", "There is no such account.");
    }
    yield only;
    return;
  }
  let after: string | null = null;
  for (;;) {
    const ids = await readAccountIds(c.env.DB, after, CHARGES_AT_ONCE);
    yield* ids;
    after = ids.at(-1) ?? null;
    if (after === null) return;
  }
}

async function* chargesOf(c: HttpContext, accountId: string, query: RerateQuery): AsyncGenerator<Charged> {
  let after = "";
  for (;;) {
    const charges = await readCharges(c.env.DB, accountId, query, after, CHARGES_AT_ONCE);
    for (const charge of charges) {
      const charged = toBePricedAgain(charge, query);
      if (charged) yield charged;
    }
    const last = charges.at(-1);
    if (!last) return;
    after = last.monetizationId;
  }
}

/** What the object is asked to correct. */
async function commandFor(
  c: HttpContext,
  charged: Charged,
  { rate_card: cardId, to_version: cardVersion, reason }: Asked,
): Promise<RerateCommand> {
  const { usage, late } = charged;
  const { model } = usage;
  const rate = await readRate(c.env.DB, cardId, cardVersion, model);
  const missing = !rate || [usage, late ?? usage].some((end) => typeof price(rate, end.usage) !== "number");
  if (missing) {
    throw new HttpFault(422, "unpriced", `${cardId} version ${cardVersion} does not price ${model} as it was used.`);
  }
  return { charged, quote: { cardId, cardVersion, model, rate }, reason };
}
