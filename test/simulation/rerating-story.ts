import type { AccountClient } from "../../durable-objects/client.ts";
import type { ReceiptReply } from "../../durable-objects/commands.ts";
import { correctionId, type RerateCommand } from "../../src/core/rerate.ts";
import { receiptBy } from "../../src/http/find-receipt.ts";
import { readRequest } from "../../src/ledger/entry-rows.ts";
import { type ChargedRequest, type RerateQuery, readCharges, toBePricedAgain } from "../../src/ledger/rerating.ts";
import { attemptKey } from "./attempt.ts";
import type { Cast } from "./cast.ts";
import type { CameTo } from "./correction-book.ts";
import { CARD, CORRECTED_VERSIONS } from "./offers.ts";
import { operate } from "./operate.ts";
import { refundTwice } from "./refund-story.ts";
import type { Action, ReratingAction } from "./workload.ts";

const LOOKS = 20;
/** What expires and then goes on is worth waiting for. */
const LOOKS_FOR_EXPIRED = 300;
const BETWEEN_LOOKS_MS = 3_000;
/** Most entries are in the ledger after so long. */
const USUAL_LAG_MS = 10_000;

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
  const quoted = Array.from({ length: offers.cardVersion }, (_, index) => index + 1);
  const versions = action.complaint === "late" ? CORRECTED_VERSIONS : [...quoted, ...CORRECTED_VERSIONS];
  const query = { cardId: CARD, versions, ...(await spanOf(rerating)) };
  const charges = await readCharges(database.db, accountId, query, action.keyed ? "mon_k" : "", action.most);
  for (const [index, charge] of charges.entries()) {
    const command = commandFor(rerating, query, charge);
    if (!command) continue;
    if (refunds && index === 0) refundBeside(rerating, command);
    await world.sleep(world.random.int(0, action.slowMs));
    if (action.dryRun || world.random.chance(0.1)) await preview(rerating, command);
    if (!action.dryRun) await correct(rerating, command);
    await lookAtReceipt(rerating, command);
  }
}

/** From when to when the charges are corrected. Waits for a charge that is complained of. */
async function spanOf(rerating: Rerating): Promise<{ from: number; to: number }> {
  const { cast, action } = rerating;
  const looks = action.complaint === "expired" ? LOOKS_FOR_EXPIRED : LOOKS;
  for (let looked = 0; looked < looks && action.complaint !== "any"; looked += 1) {
    const at = complainedOf(rerating);
    if (at !== undefined) return { from: at, to: at + 1 };
    await cast.world.sleep(BETWEEN_LOOKS_MS);
  }
  return { from: action.at - action.spanMs, to: Number.MAX_SAFE_INTEGER };
}

function complainedOf({ cast, accountId, action }: Rerating): number | undefined {
  const { complaint, n } = action;
  if (complaint === "expired") return openAfterExpiry(cast, accountId)?.at;
  const like = cast.promises.corrections.attempts(accountId, ({ late, corrections, refunds }) => {
    if (complaint === "late") return late?.decision.correction !== undefined;
    return complaint === "corrected" ? corrections > 0 : complaint === "refunded" && refunds > 0;
  });
  const chosen = like[n % Math.max(1, like.length)];
  return (complaint === "late" && chosen?.lateAt) || chosen?.at;
}

/** The newest expiry that was charged and should be in the ledger, while the rest of what was used will come late. */
function openAfterExpiry({ world, promises, silent }: Cast, accountId: string): CameTo | undefined {
  const isOpen = ({ attempt, at, price }: CameTo) => silent.has(attempt) && price > 0 && world.now - at > USUAL_LAG_MS;
  return promises.corrections.attempts(accountId, isOpen).at(-1);
}

/** What the object is asked to correct, by what the ledger has of it. */
function commandFor(
  { cast: { world, offers, promises }, accountId, action }: Rerating,
  query: RerateQuery,
  charge: ChargedRequest,
): RerateCommand | null {
  const charged = toBePricedAgain(charge, query);
  const event = charged?.usage;
  const rate = event && offers.rateOf(CARD, action.toVersion, event.model);
  if (!event || !rate) return null;
  if (charge.monetizationId.endsWith("~late")) world.reach("correction of a charge that came late by itself");
  const about = charge.entries.filter(({ usage }) => usage === null || usage.attempt === event.attempt);
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

/** A correction is left for later only where the ledger, when it was read, lacked something of the request. */
function leftForLater({ world, promises }: Cast, accountId: string, { charged }: RerateCommand): void {
  const { usage, parts = [] } = charged;
  world.reach("correction left for later by an outdated ledger");
  if (parts.length >= promises.corrections.entriesOf(attemptKey(accountId, usage.requestId, usage.attempt))) {
    world.violate("a correction by a whole ledger is made", usage.id);
  }
}

/** What the account's holder is shown after it, by the object and the ledger together. */
async function lookAtReceipt({ cast, accountId, accounts }: Rerating, { charged }: RerateCommand): Promise<void> {
  const { world, promises, database } = cast;
  const { requestId, attempt } = charged.usage;
  const standing = () => promises.corrections.cameTo(attemptKey(accountId, requestId, attempt));
  const before = standing()?.entries;
  const known = await accounts.receipt(accountId, requestId);
  const receipt = await receiptBy(known, () => readRequest(database.db, accountId, requestId));
  const { entries, price, refunded } = standing() ?? {};
  if (before !== entries) return;
  if (receipt?.rows?.confirmed === false) noteAhead(world, known);
  if (receipt?.charge?.amount !== price || receipt?.refunded !== refunded) {
    const told = `${receipt?.charge?.amount}, refunded ${receipt?.refunded}`;
    world.violate("a receipt tells what was done", `${charged.usage.id}: ${told}; ${price}, ${refunded}`);
  }
}

function noteAhead(world: Cast["world"], known: ReceiptReply | null): void {
  world.reach("receipt ahead of the ledger");
  if (known?.kind === "forgotten") world.reach("receipt of a forgotten request ahead of the ledger");
  if (known?.kind === "request" && known.confirmed) world.reach("receipt of a correction ahead of the ledger");
}

async function correct({ cast, accountId, accounts }: Rerating, command: RerateCommand): Promise<void> {
  const { world, promises } = cast;
  const id = correctionId(command.charged.usage.id, command.quote);
  const before = promises.corrections.posted(accountId, id);
  const reply = await accounts.rerate(accountId, command, false);
  if (reply.kind === "outdated") return leftForLater(cast, accountId, command);
  if (reply.kind !== "rerated") return world.violate("a correction is answered", `${id}: ${reply.kind}`);
  const { difference, repeated } = reply;
  world.tell(`${id}: ${difference}${repeated ? ", again" : ""}`);
  if (repeated) world.reach("correction told again as it was made");
  const posted = promises.corrections.posted(accountId, id);
  if (difference !== posted || (before !== undefined && !repeated)) {
    world.violate("a correction is told as it was made", `${id}: told ${difference}, posted ${posted}`);
  }
}

function dueOf({ promises }: Cast, accountId: string, { charged: { usage }, quote }: RerateCommand): number {
  return promises.corrections.due(attemptKey(accountId, usage.requestId, usage.attempt), quote.cardVersion);
}
