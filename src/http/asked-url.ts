import { HttpFault } from "./fault.ts";

const LONGEST = 8_192;

/**
 * Refuses a URL that is too long, and one that holds a key, whatever it asks for: it would end in logs and histories, so
 * that nobody may get used to it. Throws {@link HttpFault}.
 */
export function checkUrl(url: string): void {
  if (url.length > LONGEST) throw new HttpFault(400, "url_too_long", "The URL is too long.");
  if (unescaped(url).includes("sk-spill-")) {
    throw new HttpFault(400, "key_in_url", "Never put a key in a URL; send it in the Authorization header.");
  }
}

/** Every escape by itself: a broken one beside it hides nothing. */
function unescaped(url: string): string {
  return url.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
