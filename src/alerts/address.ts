import { publicBaseUrlFault } from "../catalog/base-url.ts";

const LONGEST = 500;
/** What parsing drops or takes for something else: what was written would not be what is called. */
const AMBIGUOUS = /[\s\p{Cc}\\]/u;
/**
 * Further endings that no public name has, of clusters and networks of one's own. Upstreams may have them, since the
 * operator names those, and stored ones are read by the same rules again.
 */
const PRIVATE_ENDINGS = /\.(?:svc|cluster|consul|docker|private|localnet|test|invalid|onion|alt)$/;

/**
 * Why no alerts are sent to an address; `null` when they may be. Anybody may ask, so only public names are taken, not
 * even this machine's own. What is judged is the address as {@link canonicalAddress} keeps it.
 */
export function addressFault(text: string): string | null {
  if (!text.startsWith("https://")) return "must begin with https://";
  if (AMBIGUOUS.test(text)) return "must not hold spaces, line breaks, control characters or backslashes";
  if (!URL.canParse(text)) return "must be a whole address, such as https://hooks.example.com/spillway";
  const url = new URL(text);
  if (url.href.length > LONGEST) return `must have at most ${LONGEST} characters`;
  if (/%7B|%7D/i.test(url.pathname)) return "must not hold braces";
  const fault = publicBaseUrlFault(url.href);
  if (fault !== null) return fault;
  return PRIVATE_ENDINGS.test(url.hostname) ? "must name a host in the public DNS" : null;
}

/** The one way to write a checked address: what was checked is what is kept, shown and called. */
export function canonicalAddress(checked: string): string {
  return new URL(checked).href;
}
