import type { AccountReply } from "../../durable-objects/commands.ts";
import type { GrantTerms } from "../core/event.ts";
import type { Grant } from "../core/grant.ts";
import type { HttpContext } from "../http/context.ts";
import { readGrantTerms } from "../ledger/grant-terms.ts";
import { shortId } from "./in-flight.tsx";

/** What sources are called on pages: an allowance by its id, a grant by the reason for which it was given. */
export type SourceNames = (source: string) => string;

/** Every source by its id. */
export const byId: SourceNames = (source) => source;

/** D1 takes at most this many values in one statement. */
const IDS_MOST = 90;

/** Names for the grants among `sources`: open ones from the account, ended ones from the ledger. */
export async function sourceNames(
  c: HttpContext,
  { id: accountId, grants }: Pick<AccountReply, "id" | "grants">,
  sources: Iterable<string>,
): Promise<SourceNames> {
  const open = namesOf(grants);
  const ended = [...new Set(sources)].filter((id) => id.startsWith("grt_") && open(id) === id).slice(0, IDS_MOST);
  const terms = await readGrantTerms(c.env.DB, accountId, ended);
  return (source) => {
    const known = terms.get(source);
    return known ? grantName(known) : open(source);
  };
}

/** Names from grants that are at hand: those that are open. */
export function namesOf(grants: readonly Grant[]): SourceNames {
  const names = new Map(grants.map((grant) => [grant.id, grantName(grant)]));
  return (source) => names.get(source) ?? source;
}

function grantName({ reason, kind }: Pick<GrantTerms, "reason" | "kind">): string {
  return reason === "" ? `${kind} credits` : readableReason(reason);
}

/** Why something was granted or taken back, with the ids of payments by their ends. */
export function readableReason(reason: string): string {
  return reason.replace(/\bpay_[0-9a-f]{32}\b/g, shortId);
}
