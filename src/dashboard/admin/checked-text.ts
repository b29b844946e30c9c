import type { ParsedDocument } from "../../catalog/document.ts";
import { lineOf, linesOfJson } from "./json-lines.ts";

/** What is wrong with a document as it was typed, and on which line. */
export interface TextFault {
  readonly line: number;
  readonly path: string;
  readonly message: string;
}

export type CheckedText =
  | { readonly ok: true; readonly document: unknown }
  | { readonly ok: false; readonly faults: readonly TextFault[] };

/** Reads a document as it was typed. */
export function checkText(text: string, read: (raw: unknown) => ParsedDocument<unknown>): CheckedText {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    return { ok: false, faults: [syntaxFault(text, String(error))] };
  }
  const parsed = read(raw);
  // What is sent on is what was typed: the API fills in what is left out.
  if (parsed.ok) return { ok: true, document: raw };
  const lines = linesOfJson(text);
  const faults = parsed.faults.map((fault) => ({ ...fault, line: lineOf(lines, fault.path) }));
  return { ok: false, faults: faults.sort((a, b) => a.line - b.line) };
}

/** V8 tells a place in its message, as a line or as a position. */
function syntaxFault(text: string, told: string): TextFault {
  const [, line] = /line (\d+)/.exec(told) ?? [];
  const [, position] = /position (\d+)/.exec(told) ?? [];
  const before = text.slice(0, position === undefined ? text.length : Number(position));
  const message = told.replace(/^SyntaxError: /, "");
  return { line: line === undefined ? before.split("\n").length : Number(line), path: "", message };
}
