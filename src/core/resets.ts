import { type AccountState, allowanceOwner, heldOf, meterId, usedOf } from "./account.ts";
import { periodAt } from "./calendar.ts";
import { covers, isAbout } from "./plan.ts";
import { type OpenSource, type Subject, sourcesOf } from "./sources.ts";
import { leavesAt } from "./window.ts";

/** An instant at which the sources of a request will give more, and what makes it so. */
export interface Reset {
  /** An allowance, a grant that begins, or an entitlement that renews. */
  readonly source: string;
  readonly kind: "allowance" | "grant";
  readonly at: number;
}

/** The instants after `now` at which the sources that are about `subject` give more, earliest first. */
export function resetsOf(state: AccountState, subject: Subject, now: number): Reset[] {
  return [...windowResets(state, subject), ...beginnings(state, subject), ...renewals(state, subject, now)]
    .filter(({ at }) => at > now)
    .sort((a, b) => a.at - b.at);
}

function windowResets(state: AccountState, subject: Subject): Reset[] {
  return state.row.plan.allowances
    .filter((allowance) => isAbout(allowance, subject.feature, subject.model))
    .flatMap((allowance) =>
      allowance.windows.flatMap((rule) => {
        const meter = meterId(allowanceOwner(allowance), rule);
        const marks = new Set([...usedOf(state, meter).keys(), ...heldOf(state, meter).keys()]);
        return [...marks].map((mark) => ({ source: allowance.id, kind: "allowance", at: leavesAt(rule, mark) }));
      }),
    );
}

function beginnings({ grants, row }: AccountState, { feature }: Subject): Reset[] {
  if (row.status === "frozen") return [];
  return [...grants.values()]
    .filter(({ features }) => covers(features, feature))
    .map(({ id, effectiveAt }) => ({ source: id, kind: "grant", at: effectiveAt }));
}

function renewals({ row }: AccountState, { feature }: Subject, now: number): Reset[] {
  if (row.status === "frozen") return [];
  return row.plan.entitlements
    .filter(({ features }) => covers(features, feature))
    .map(({ id, period }) => ({ source: id, kind: "grant", at: periodAt(period, now).end }));
}

/** The sources at a later instant, with what will have been renewed by then. Only to look at: nothing is drawn yet. */
export function sourcesAt(state: AccountState, subject: Subject, now: number, at: number): OpenSource[] {
  const sources = sourcesOf(state, subject, at);
  for (const reset of renewals(state, subject, now)) {
    const entitlement = state.row.plan.entitlements.find(({ id }) => id === reset.source);
    if (!entitlement || reset.at > at) continue;
    const { id, amount } = entitlement;
    const draw = () => ({ kind: "grant", source: id, amount }) as const;
    sources.push({ id, kind: "grant", unit: "credits", available: amount, draw });
  }
  return sources;
}
