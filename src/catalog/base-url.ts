/** Endings of names that lead into a network of one's own, or to a cloud's own services. */
const INTERNAL_ENDINGS = ["localhost", "local", "internal", "localdomain", "lan", "intranet", "corp", "home", "arpa"];
/** A name in the public DNS. Its last label begins with a letter, which no spelling of an address does. */
const PUBLIC_NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;
/** `{model}` as it stands in a path that was parsed. */
const PLACEHOLDER = /%7Bmodel%7D/gi;
const LONGEST = 500;

/**
 * Why no key may be sent to `text` as the base of an API; `null` when it may. The key of a provider is only ever sent
 * over TLS, or to this machine and reserved test names.
 */
export function baseUrlFault(text: string): string | null {
  if (!URL.canParse(text) || text.length > LONGEST) {
    return "must be the address of an OpenAI-shaped API, such as https://api.openai.com/v1";
  }
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return "must not hold a user or password";
  if (url.search !== "" || url.hash !== "" || /[?#]/.test(text)) return "must not hold a query or a fragment";
  if (/%7B|%7D/i.test(url.pathname.replace(PLACEHOLDER, ""))) return "may hold {model} and nothing else in braces";
  if (url.protocol === "https:" || isLocal(url)) return null;
  return "must begin with https://, except on this machine";
}

/**
 * Like {@link baseUrlFault}, for an address that comes over the network: only public names on the usual port. An address
 * in digits, in whatever spelling, or an internal name would let its writer reach what only the gateway can reach.
 */
export function publicBaseUrlFault(text: string): string | null {
  const fault = baseUrlFault(text);
  if (fault !== null) return fault;
  const url = new URL(text);
  if (isLocal(url)) return null;
  if (url.port !== "") return "must use the usual port of https";
  if (/^\[|^[\d.]+$/.test(url.hostname)) return "must name its host; an IP address is not accepted";
  if (!PUBLIC_NAME.test(url.hostname) || isInternal(url.hostname)) return "must name a host in the public DNS";
  return null;
}

/** The one way to write a checked address, without a slash at its end: what was checked is what is called. */
export function canonicalBaseUrl(checked: string): string {
  const { origin, pathname } = new URL(checked);
  return (origin + pathname.replace(PLACEHOLDER, "{model}")).replace(/\/+$/, "");
}

function isLocal({ protocol, hostname }: URL): boolean {
  return protocol === "http:" && (["localhost", "127.0.0.1", "[::1]"].includes(hostname) || hostname.endsWith(".test"));
}

function isInternal(name: string): boolean {
  return name.startsWith("metadata.") || INTERNAL_ENDINGS.some((ending) => name.endsWith(`.${ending}`));
}
