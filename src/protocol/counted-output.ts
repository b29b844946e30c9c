import { NO_USAGE, type Usage } from "../core/usage.ts";
import type { Json } from "./adapter.ts";
import type { Calls } from "./tools.ts";

/** Few languages have more characters in a token, so a count by this is rather too low than too high. */
const CHARACTERS_PER_TOKEN = 5;

/** Members of an answer that the model wrote itself. */
const WRITTEN: ReadonlySet<string> = new Set([
  "text",
  "content",
  "refusal",
  "arguments",
  "input",
  "code",
  "reasoning",
  "reasoning_content",
]);

/** Tokens in one piece of a stream: at least one if there is anything in it. */
export function pieceTokens(characters: number): number {
  return characters === 0 ? 0 : Math.max(1, Math.floor(characters / CHARACTERS_PER_TOKEN));
}

/** Tokens that the model wrote in a whole answer or a part of one, cautiously counted. */
export function writtenTokens(part: Json | undefined): number {
  return Math.floor(writtenCharacters(part, MAX_DEPTH) / CHARACTERS_PER_TOKEN);
}

/** Upstream's answers are not nested deeper; anything that is cannot exhaust the stack. */
const MAX_DEPTH = 16;

function writtenCharacters(part: Json | undefined, depth: number): number {
  if (typeof part !== "object" || part === null || depth === 0) return 0;
  let total = 0;
  for (const [name, value] of Object.entries(part)) {
    if (typeof value !== "string") total += writtenCharacters(value, depth - 1);
    else if (WRITTEN.has(name)) total += value.length;
  }
  return total;
}

/** What a meter must know of the request. */
export interface Metered {
  /** Input tokens to count when upstream does not report them. */
  readonly leastInput: number;
  /** Hosted tools that were asked for and priced; only their calls are counted. */
  readonly calls: Calls;
  readonly serviceTier: string | null;
}

/** What the gateway counted itself. Input counts as soon as anything was produced: upstream has read it then. */
export function countedUsage(request: Metered, counted: { outputTokens: number; calls: Calls }): Usage {
  return { ...NO_USAGE, ...counted, inputTokens: request.leastInput, serviceTier: request.serviceTier };
}
