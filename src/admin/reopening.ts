import { planToldOf } from "../catalog/admin-log.ts";
import { readRateLookup } from "../catalog/rate-lookup.ts";
import { formatCredits } from "../core/amount.ts";
import type { Difference } from "../core/audit.ts";
import type { ChainedEntry } from "../core/event.ts";
import { tellAct } from "../http/admin-act.ts";
import { readAs } from "../http/body.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { listUsageEvents } from "../ledger/read.ts";
import { type Reopening, reopenLedger } from "../ledger/reopening.ts";
import { existing } from "./existing-account.ts";
import { planOf } from "./named-plan.ts";
import { reopening } from "./schemas.ts";

/**
 * Lets an account go on whose object was restored to an earlier moment or lost: from its ledger, in a further epoch. It
 * stays frozen until a person activates it.
 */
export async function reopen(c: HttpContext): Promise<Response> {
  const { id } = await existing(c);
  const body = await readAs(c, reopening);
  const { accounts } = c.var.services;
  const db = c.env.DB;
  const before = await accounts.head(id);
  if (before?.status === "active") throw refused("active");
  const plan = await planOf(c, body.plan ?? (await lastPlan(c, id)));
  const deps = {
    db,
    rateOf: await readRateLookup(db),
    headOf: () => accounts.head(id),
    hashAt: (_: string, seq: number) => accounts.hashAt(id, seq),
  };
  const reopened = await reopenLedger(deps, id, plan, body.reason, Date.now());
  if (reopened.kind === "differs") throw differs(reopened.difference);
  if (reopened.kind !== "opened" && reopened.kind !== "repeated") throw refused(reopened.kind);
  if (reopened.kind === "opened") {
    const reply = await accounts.reopen(id, reopened.carried);
    if (reply.kind !== "reopened") throw refused(reply.kind === "active" ? "active" : "moved");
  }
  const shown = { ...openingWire(id, reopened.opening), ...(await standing(c, id)) };
  tellAct(c, {
    action: "account.reopen",
    account: id,
    reason: body.reason,
    before: before && { epoch: before.epoch, seq: before.seq },
    after: { epoch: shown.epoch, seq: shown.seq, balance: shown.balance, plan: shown.plan },
  });
  return c.json(shown);
}

/** The plan that operators put the account on last, or that its last request was made under. */
async function lastPlan(c: HttpContext, id: string): Promise<string> {
  const told = await planToldOf(c.env.DB, id);
  if (told !== null) return told;
  const { data } = await listUsageEvents(c.env.DB, id, { after: null, limit: 1, order: "newest" });
  const made = data[0]?.event.decision.plan.id;
  if (made !== undefined) return made;
  throw new HttpFault(409, "plan_unknown", "Nothing tells which plan the account was on. Say it in `plan`.");
}

function openingWire(account: string, { epoch, seq, hash, updates }: ChainedEntry) {
  return { account, epoch, seq, head: hash, balance: formatCredits(updates[0]?.balanceAfter ?? 0) };
}

/** How the account stands now: what of it no ledger tells is for a person to look at. */
async function standing(c: HttpContext, id: string) {
  const { accounts } = c.var.services;
  const reply = await accounts.describe(id);
  if (!reply) throw refused("moved");
  const keys = (await accounts.keys(id)).filter(({ revokedAt }) => revokedAt === null);
  return { status: reply.status, plan: reply.plan.id, grants: reply.grants.length, keys: keys.length };
}

function differs({ rule, seq, subject, expected, found }: Difference): HttpFault {
  const what = `${rule} at ${seq}: ${subject}: expected ${expected}, found ${found}`;
  const message = `The ledger does not add up by itself (${what}). What is still on its way to it may close a gap.`;
  return new HttpFault(409, "ledger_differs", message);
}

const REFUSED = {
  active: ["account_active", "Suspend the account first: nothing may be spent from it meanwhile."],
  in_step: ["account_in_step", "The account and its ledger are in step; there is nothing to reopen."],
  undelivered: [
    "entries_undelivered",
    "The account has entries that its ledger can still take; let them arrive first.",
  ],
  ledger_behind: [
    "ledger_behind",
    "The ledger lacks entries that the account saw confirmed: it is the ledger that lost.",
  ],
  no_ledger: ["account_incomplete", "The account was not created to its end; create it again."],
  moved: [
    "ledger_moved",
    "Somebody else, or a late entry, was faster. Look again, and repeat it if it is still needed.",
  ],
} as const satisfies Record<
  "active" | Exclude<Reopening["kind"], "opened" | "repeated" | "differs">,
  readonly [code: string, message: string]
>;

function refused(why: keyof typeof REFUSED): HttpFault {
  const [code, message] = REFUSED[why];
  return new HttpFault(409, code, message);
}
