/** How values are shown to people. */

/** An instant to the second, in UTC. */
export function when(instant: string | null): string | null {
  return instant === null ? null : `${instant.slice(0, 19).replace("T", " ")}Z`;
}

/** Credits with at least two decimals, and no more than needed. Quantities in other units stay as they are. */
export function credits(amount: string): string {
  return amount.includes(".") ? amount.replace(/0{1,4}$/, "") : amount;
}

export function listed(items: readonly string[] | null, all = "all"): string {
  return items === null ? all : items.join(",");
}

export function counted(count: number, one: string, more = `${one}s`): string {
  return `${count} ${count === 1 ? one : more}`;
}
