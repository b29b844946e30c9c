import type { UsageEvent } from "../core/event.ts";

type Decision = UsageEvent["decision"];

const CONSIDERED = [
  "source",
  "kind",
  "unit",
  "available",
  "taken",
] as const satisfies (keyof Decision["considered"][0])[];
const DRAW = ["kind", "source", "amount"] as const satisfies (keyof Decision["draws"][0])[];

/**
 * A decision as a row of the ledger keeps it: what was considered and drawn as lists of values, without the names of their
 * members. That keeps the row of a usual request below a kilobyte. A longer one would take a page of four more for itself.
 */
export function packDecision({ considered, draws, ...rest }: Decision): string {
  return JSON.stringify({ ...rest, considered: packAll(CONSIDERED, considered), draws: packAll(DRAW, draws) });
}

/** A decision as it was hashed. Rows from before decisions were packed are understood too. */
export function unpackDecision(json: string): Decision {
  const decision = JSON.parse(json) as Decision;
  const { considered, draws } = decision;
  return { ...decision, considered: unpackAll(CONSIDERED, considered), draws: unpackAll(DRAW, draws) };
}

/** An item with other members, from a later release, stays as it is. */
function packAll<Item extends object>(members: readonly (keyof Item & string)[], items: readonly Item[]): unknown[] {
  const isUsual = (item: Item) =>
    Object.keys(item).length === members.length && members.every((member) => Object.hasOwn(item, member));
  return items.map((item) => (isUsual(item) ? members.map((member) => item[member]) : item));
}

function unpackAll<Item>(members: readonly string[], items: readonly (Item | readonly unknown[])[]): Item[] {
  return items.map((item) =>
    Array.isArray(item) ? (Object.fromEntries(members.map((member, index) => [member, item[index]])) as Item) : item,
  ) as Item[];
}
