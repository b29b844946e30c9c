import { type AccountState, allowanceOwner, heldOf, meterId, usedOf } from "./account.ts";
import { isAbout } from "./plan.ts";
import type { Subject } from "./sources.ts";
import { leavesAt } from "./window.ts";

/** An instant at which a window of an allowance gives room back. */
export interface Reset {
  readonly allowance: string;
  readonly at: number;
}

/** The resets after `now` of the allowances that are about `subject`, earliest first. */
export function resetsOf(state: AccountState, subject: Subject, now: number): Reset[] {
  return state.row.plan.allowances
    .filter((allowance) => isAbout(allowance, subject.feature, subject.model))
    .flatMap((allowance) =>
      allowance.windows.flatMap((rule) => {
        const meter = meterId(allowanceOwner(allowance), rule);
        const marks = new Set([...usedOf(state, meter).keys(), ...heldOf(state, meter).keys()]);
        return [...marks].map((mark) => ({ allowance: allowance.id, at: leavesAt(rule, mark) }));
      }),
    )
    .filter(({ at }) => at > now)
    .sort((a, b) => a.at - b.at);
}
