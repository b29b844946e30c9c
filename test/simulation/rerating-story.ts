import type { AccountClient } from "../../durable-objects/client.ts";
import { chargedOf, correctionId, type RerateCommand } from "../../src/core/rerate.ts";
import { type ChargedRequest, readCharges } from "../../src/ledger/rerating.ts";
import { attemptKey } from "./attempt.ts";
import type { Cast } from "./cast.ts";
import { CARD } from "./offers.ts";
import { operate } from "./operate.ts";
import { refundTwice } from "./refund-story.ts";
import type { Action, ReratingAction } from "./workload.ts";

const LOOKS = 20;
const BETWEEN_LOOKS_MS = 3_000;

/** One operator at work. */
interface Rerating {
  readonly cast: Cast;
  readonly accountId: string;
  readonly action: ReratingAction & Action;
  readonly accounts: AccountClient;
}

/** Operators price charges again at another version; all of them again where an outcome is not known. */
export function rerateSome(cast: Cast, accountId: string, action: ReratingAction & Action): void {
  for (let copy = 0; copy < action.copies; copy += 1) {
    operate(cast, (accounts) => rerateAll({ cast, accountId, action, accounts }, copy === 0));
  }
}

async function rerateAll(rerating: Rerating, refunds: boolean): Promise<void> {
  const { cast, accountId, action } = rerating;
  const { world, database, offers } = cast;
  const versions = Array.from({ length: offers.cardVersion }, (_, index) => index + 1);
  const query = { cardId: CARD, versions, ...(await spanOf(rerating)) };
  const charges = await readCharges(database.db, accountId, query, action.keyed ? "mon_k" : "", action.most);
  for (const [index, charge] of charges.entries()) {
    const command = commandFor(rerating, charge);
    if (!command) continue;
    if (refunds && index === 0) refundBeside(rerating, command);
    await world.sleep(world.random.int(0, action.slowMs));
    if (action.dryRun || world.random.chance(0.1)) await preview(rerating, command);
    if (!action.dryRun) await correct(rerating, command);
  }
}

/** From when to when the charges are corrected. Waits for a charge that is complained of. */
async function spanOf(rerating: Rerating): Promise<{ from: number; to: number }> {
  const { cast, action } = rerating;
  for (let looked = 0; looked < LOOKS && action.complaint !== "any"; looked += 1) {
    const at = complainedOf(rerating);
    if (at !== undefined) return { from: at, to: at + 1 };
    await cast.world.sleep(BETWEEN_LOOKS_MS);
  }
  return { from: action.at - action.spanMs, to: Number.MAX_SAFE_INTEGER };
}

function complainedOf({ cast: { promises }, accountId, action }: Rerating): number | undefined {
  const { complaint, n } = action;
  const like = promises.corrections.attempts(accountId, ({ end, late, price, corrections, refunds }) => {
    if (complaint === "expired") return end.outcome === "expired" && late === null && price > 0;
    return complaint === "corrected" ? corrections > 0 : complaint === "refunded" && refunds > 0;
  });
  return like[n % Math.max(1, like.length)]?.at;
}

/** What the object is asked to correct, by what the ledger has of it. */
function commandFor(
  { cast: { world, offers, promises }, accountId, action }: Rerating,
  { monetizationId, entries }: ChargedRequest,
): RerateCommand | null {
  const event = entries.find(({ monetization }) => monetization?.id === monetizationId)?.usage;
  const charged = event ? chargedOf(entries, event.attempt) : null;
  const rate = event && offers.rateOf(CARD, action.toVersion, event.model);
  if (!event || !rate || charged?.usage.id !== event.id) return null;
  const about = entries.filter(({ usage }) => usage === null || usage.attempt === event.attempt);
  if (about.length < promises.corrections.entriesOf(attemptKey(accountId, event.requestId, event.attempt))) {
    world.reach("correction by a ledger that lacks a part of the request");
  }
  return {
    charged,
    quote: { cardId: CARD, cardVersion: action.toVersion, model: event.model, rate },
    reason: "the price was wrong",
  };
}

function refundBeside({ cast, accountId, action }: Rerating, { charged: { usage } }: RerateCommand): void {
  const { world } = cast;
  if (action.refundAfterMs === null) return;
  world.at(world.now + action.refundAfterMs, () =>
    refundTwice(cast, accountId, `${usage.requestId}.${usage.attempt}`, `ref_beside_${action.n}`),
  );
}

/** What would be corrected: nothing is, and the figure is the one that a correction would have posted. */
async function preview({ cast, accountId, accounts }: Rerating, command: RerateCommand): Promise<void> {
  const { world, promises, watches } = cast;
  const { usage } = command.charged;
  const seq = () => watches.get(accountId)?.audit.seq;
  const before = seq();
  const made = promises.corrections.posted(accountId, correctionId(usage.id, command.quote));
  const due = made ?? dueOf(cast, accountId, command);
  const reply = await accounts.rerate(accountId, command, true);
  world.reach("dry run of a correction");
  if (reply.kind === "rerated" && seq() === before && reply.difference !== due) {
    world.violate("a dry run tells what a correction would post", `${usage.id}: told ${reply.difference}, due ${due}`);
  }
}

async function correct({ cast, accountId, accounts }: Rerating, command: RerateCommand): Promise<void> {
  const { world, promises } = cast;
  const id = correctionId(command.charged.usage.id, command.quote);
  const before = promises.corrections.posted(accountId, id);
  const reply = await accounts.rerate(accountId, command, false);
  if (reply.kind !== "rerated") return world.violate("a correction is answered", `${id}: ${reply.kind}`);
  const { difference, repeated } = reply;
  world.tell(`${id}: ${difference}${repeated ? ", again" : ""}`);
  if (repeated) world.reach("correction told again as it was made");
  const posted = promises.corrections.posted(accountId, id);
  const asMade = difference === posted || (before === undefined && difference === 0);
  if (!asMade || (before !== undefined && !repeated)) {
    world.violate("a correction is told as it was made", `${id}: told ${difference}, posted ${posted}`);
  }
}

function dueOf({ promises }: Cast, accountId: string, { charged: { usage }, quote }: RerateCommand): number {
  return promises.corrections.due(attemptKey(accountId, usage.requestId, usage.attempt), quote.cardVersion);
}
