import { Hono } from "hono";
import type { z } from "zod";
import { readAccount, readAccountIds, readRate } from "../catalog/read.ts";
import { formatCredits } from "../core/amount.ts";
import { price } from "../core/rate-card.ts";
import { chargedOf, type RerateCommand } from "../core/rerate.ts";
import { tellAct, tellNoAct } from "../http/admin-act.ts";
import { readAs } from "../http/body.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { type ChargedRequest, type RerateQuery, readCharges } from "../ledger/rerating.ts";
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
  let difference = 0;
  for await (const accountId of accountsOf(c, body.account ?? null)) {
    for await (const charge of chargesOf(c, accountId, query)) {
      const command = await commandFor(c, charge, body.rate_card, body.to_version, body.reason);
      if (!command) continue;
      charges += 1;
      const posted = await apply(c, accountId, command, body.dry_run);
      if (posted === 0) continue;
      difference += posted;
      if (corrected.length < LISTED) {
        corrected.push({
          account: accountId,
          usage_event: command.charged.usage.id,
          difference: formatCredits(posted),
        });
      }
    }
  }
  const result = { dry_run: body.dry_run, charges, difference: formatCredits(difference), corrected };
  if (body.dry_run) tellNoAct(c);
  else tellRerating(c, body, result);
  return result;
}

function tellRerating(
  c: HttpContext,
  { rate_card, versions, to_version, account, reason }: z.output<typeof newRerating>,
  { charges, difference }: { readonly charges: number; readonly difference: string },
): void {
  tellAct(c, {
    action: "charges.rerate",
    ...(account ? { account } : {}),
    target: rate_card,
    reason,
    before: { versions },
    after: { version: to_version, charges, difference },
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

async function* chargesOf(c: HttpContext, accountId: string, query: RerateQuery): AsyncGenerator<ChargedRequest> {
  let after = "";
  for (;;) {
    const charges = await readCharges(c.env.DB, accountId, query, after, CHARGES_AT_ONCE);
    yield* charges;
    const last = charges.at(-1);
    if (!last) return;
    after = last.monetizationId;
  }
}

/** What the object is asked to correct; `null` for charges that are differences themselves, which go with their request. */
async function commandFor(
  c: HttpContext,
  { monetizationId, entries }: ChargedRequest,
  cardId: string,
  cardVersion: number,
  reason: string,
): Promise<RerateCommand | null> {
  const event = entries.find(({ monetization }) => monetization?.id === monetizationId)?.usage;
  const charged = event ? chargedOf(entries, event.attempt) : null;
  if (!event || !charged || charged.usage.id !== event.id) return null;
  const rate = await readRate(c.env.DB, cardId, cardVersion, event.model);
  const missing = !rate || typeof price(rate, (charged.late ?? event).usage) !== "number";
  if (missing) {
    throw new HttpFault(
      422,
      "unpriced",
      `${cardId} version ${cardVersion} does not price ${event.model} as it was used.`,
    );
  }
  return { charged, quote: { cardId, cardVersion, model: event.model, rate }, reason };
}

async function apply(c: HttpContext, accountId: string, command: RerateCommand, dryRun: boolean): Promise<number> {
  const reply = await c.var.services.accounts.rerate(accountId, command, dryRun);
  return reply.kind === "rerated" && !reply.repeated ? reply.difference : 0;
}
