import { writePath } from "../../catalog/document.ts";

/** Deeper than any document goes; what is deeper has the line of what holds it. */
const DEPTH_MOST = 24;
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|\n|[^\s{}[\],:"]+/g;

interface Level {
  readonly path: readonly PropertyKey[];
  readonly isList: boolean;
  /** The name or number of the value that comes next. */
  next: PropertyKey | null;
}

/**
 * On which line (from 1) of a JSON text each value begins, by its path as faults write it. The text has been parsed
 * before: what is no JSON gives lines of no use, and no error.
 */
export function linesOfJson(text: string): ReadonlyMap<string, number> {
  const reader = new LineReader();
  for (const [token] of text.matchAll(TOKEN)) reader.read(token);
  return reader.lines;
}

/** Goes through the tokens of a JSON text, and knows at each where it is. */
class LineReader {
  readonly lines = new Map<string, number>([["", 1]]);
  #line = 1;
  /** The lists and objects that are open, as deep as they are followed … */
  readonly #levels: Level[] = [];
  /** … and how many are open below those. */
  #below = 0;

  read(token: string): void {
    const level = this.#below === 0 ? this.#levels.at(-1) : undefined;
    if (token === "\n") this.#line += 1;
    else if (token === "}" || token === "]") this.#close();
    else if (token === ",") passOn(level);
    else if (token !== ":") this.#begin(token, level);
  }

  /** The name of a field, or a value. */
  #begin(token: string, level: Level | undefined): void {
    if (level?.next === null) level.next = nameOf(token);
    const path = level?.next == null ? [] : [...level.path, level.next];
    if (level) this.lines.set(writePath(path), this.#line);
    if (token !== "{" && token !== "[") return;
    const isList = token === "[";
    if (this.#below > 0 || this.#levels.length === DEPTH_MOST) this.#below += 1;
    else this.#levels.push({ path, isList, next: isList ? 0 : null });
  }

  #close(): void {
    if (this.#below > 0) this.#below -= 1;
    else this.#levels.pop();
  }
}

/** After a comma comes the next value of a list, or the next name of an object. */
function passOn(level: Level | undefined): void {
  if (level) level.next = level.isList && typeof level.next === "number" ? level.next + 1 : null;
}

function nameOf(token: string): string {
  try {
    return String(JSON.parse(token));
  } catch {
    return token;
  }
}

/** The line of what a fault is about; of something that is missing, the line of what it is missing in. */
export function lineOf(lines: ReadonlyMap<string, number>, path: string): number {
  for (let at = path; ; at = parentOf(at)) {
    const line = lines.get(at);
    if (line !== undefined) return line;
    if (at === "") return 1;
  }
}

const LAST_PART = /(?:\[(?:\d+|"(?:[^"\\]|\\.)*")\]|\.?[A-Za-z_][A-Za-z0-9_]*)$/;

/** A path without its last part: a name after a dot, or what stands in brackets. */
function parentOf(path: string): string {
  const shorter = path.replace(LAST_PART, "");
  return shorter === path ? "" : shorter;
}
