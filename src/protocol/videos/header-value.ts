/** A header such as `form-data; name="prompt"`: what stands first, in lower case, and its parameters. */
export interface HeaderValue {
  readonly essence: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const PARAMETER = /;[ \t]*(?:([\w!#$&+.^`|~*'-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+)))?[ \t]*/y;

/** Parses a header's value; `null` when it is malformed or names a parameter twice, which readers take differently. */
export function parseHeaderValue(text: string): HeaderValue | null {
  const end = text.indexOf(";");
  const parameters = new Map<string, string>();
  for (let at = end; at >= 0 && at < text.length; at = PARAMETER.lastIndex) {
    PARAMETER.lastIndex = at;
    const found = PARAMETER.exec(text);
    if (!found) return null;
    const [, name, quoted, token = ""] = found;
    if (name === undefined) continue;
    if (parameters.has(name.toLowerCase())) return null;
    parameters.set(name.toLowerCase(), quoted === undefined ? token : quoted.replace(/\\(["\\])/g, "$1"));
  }
  return { essence: (end < 0 ? text : text.slice(0, end)).trim().toLowerCase(), parameters };
}
