import { parseCredits } from "../core/amount.ts";
import { creditsText } from "./amounts.tsx";
import { Instant } from "./instants.tsx";

/** An amount as the API tells it, for reading. */
export function creditsOfWire(amount: string): string {
  return creditsText(parseCredits(amount) ?? 0);
}

/** The same within a sentence, where whole credits need no decimals. */
export function spokenCredits(amount: string): string {
  return creditsOfWire(amount).replace(/\.00$/, "");
}

/** An instant as the API tells it; a dash for none. */
export function WireInstant({ at }: { at: string | null }) {
  return at === null ? <>—</> : <Instant at={Date.parse(at)} />;
}
