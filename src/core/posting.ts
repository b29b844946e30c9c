import type { AccountRow, AccountState } from "./account.ts";
import { invariant, type MicroCredits } from "./amount.ts";
import type { Booking, Draw, GateDraw } from "./draw.ts";
import type { Grant } from "./grant.ts";
import { unitsOf } from "./unit.ts";
import type { Usage } from "./usage.ts";
import { bookUse, type Marks } from "./window.ts";

/** The meters and grants of an account after `draws` were paid and the gates' use was counted. */
export function postDraws(
  state: AccountState,
  draws: readonly Draw[],
  gates: readonly GateDraw[],
  used: { readonly usage: Usage; readonly charge: MicroCredits },
  now: number,
): { meters: AccountRow["meters"]; grants: Grant[] } {
  const meters: Record<string, Marks> = { ...state.row.meters };
  const book = ({ meter, rule, mark }: Booking, amount: number): void => {
    meters[meter] = bookUse(rule, meters[meter] ?? new Map(), mark, amount, now);
  };
  const grants = new Map<string, Grant>();
  for (const draw of draws) {
    if (draw.kind === "allowance") for (const booking of draw.bookings) book(booking, draw.units);
    else {
      const grant = grants.get(draw.source) ?? state.grants.get(draw.source);
      invariant(grant !== undefined, `grant ${draw.source} has a draw and does not exist`);
      grants.set(draw.source, { ...grant, used: grant.used + draw.amount });
    }
  }
  for (const gate of gates) book(gate.booking, unitsOf(gate.unit, used.usage, used.charge));
  return { meters, grants: [...grants.values()] };
}
