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

async function rerateAll(c: HttpContext) {
  const body = await readAs(c, newRerating);
  const query: RerateQuery = { cardId: body.rate_card, versions: body.versions, from: body.from, to: body.to };
  const corrected: Corrected[] = [];
  let charges = 0;
  let outdated = 0;
  let difference = 0;
  for await (const accountId of accountsOf(c, body.account ?? null)) {
    for await (const charged of chargesOf(c, accountId, query)) {
      charges += 1;
      const command = await commandFor(c, charged, body.rate_card, body.to_version, body.reason);
      const reply = await c.var.services.accounts.rerate(accountId, command, body.dry_run);
      if (reply.kind === "outdated") outdated += 1;
      const posted = reply.kind === "rerated" && !reply.repeated ? reply.difference : 0;
      if (posted === 0) continue;
      difference += posted;
      if (corrected.length < LISTED) {
        corrected.push({
          account: accountId,
          usage_event: charged.usage.id,
          difference: formatCredits(posted),
        });
      }
    }
  }
  const result = { dry_run: body.dry_run, charges, outdated, difference: formatCredits(difference), corrected };
  if (body.dry_run) tellNoAct(c);
  else tellRerating(c, body, result);
  return result;
}

function tellRerating(
  c: HttpContext,
  { rate_card, versions, to_version, account, reason }: z.output<typeof newRerating>,
  { charges, outdated, difference }: Record<"charges" | "outdated", number> & { readonly difference: string },
): void {
  tellAct(c, {
    action: "charges.rerate",
    ...(account ? { account } : {}),
    target: rate_card,
    reason,
    before: { versions },
    after: { version: to_version, charges, outdated, difference },
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
  cardId: string,
  cardVersion: number,
  reason: string,
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
