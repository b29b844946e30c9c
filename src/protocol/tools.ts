import type { Rate } from "../core/rate-card.ts";
import type { Json, JsonObject, RequestFault } from "./adapter.ts";
import { invalid, unsupported } from "./fault.ts";
import { isObject } from "./json-object.ts";
import { refuseToolReference } from "./references.ts";
import { toldName } from "./told-text.ts";

/** Calls of hosted tools, by the name under which a rate prices them. */
export type Calls = Readonly<Record<string, number>>;

/** Tools that run at the caller's side, or only name other tools: nothing but their tokens is charged. */
const FREE: ReadonlySet<string> = new Set([
  "function",
  "custom",
  "namespace",
  "local_shell",
  "shell",
  "apply_patch",
  "mcp",
  "tool_search",
]);

/** Tools that upstream runs and charges for by the call, whatever version or preview of them is asked for. */
const HOSTED = ["web_search", "file_search", "code_interpreter", "image_generation", "computer_use"];

/** For answers whose request is not at hand: every tool that may carry a fee. */
export const EVERY_HOSTED_TOOL: Calls = Object.fromEntries(HOSTED.map((tool) => [tool, 1]));

/** More calls than any one answer makes; keeps the bound far inside the range of safe integers. */
const MAX_TOOL_CALLS = 10_000;

/**
 * The most calls of hosted tools that a request can cause: one of each, or `max_tool_calls` of the dearest. A tool
 * that the rate does not price is refused, and so is one that is not known: it could carry a fee. Pricing it, if only
 * at nothing, allows it.
 */
export function readTools(body: JsonObject, rate: Rate): { readonly calls: Calls } | RequestFault {
  const limit = readCallLimit(body.max_tool_calls);
  if (limit !== null && typeof limit !== "number") return limit;
  const calls: Record<string, number> = {};
  for (const { tool, param } of requestedTools(body)) {
    if (!isObject(tool) || typeof tool.type !== "string") return invalid(`${param}.type`, "the type of a tool");
    const refused = refuseToolReference(tool, param);
    if (refused) return refused;
    const fee = feeOf(tool, tool.type);
    if (fee === null) continue;
    if (!Object.hasOwn(rate.perCall, fee)) {
      return unsupported(`${param}.type`, `The tool '${toldName(fee)}' has no price for this model.`);
    }
    calls[fee] = 1;
  }
  return { calls: limit === null ? calls : dearestFirst(calls, limit, rate) };
}

/** The priced name of a type of hosted tool: `web_search_preview_2025_03_11` is `web_search`. */
function pricedTool(type: string): string {
  if (type === "computer") return "computer_use";
  return HOSTED.find((name) => type === name || type.startsWith(`${name}_`)) ?? type;
}

interface RequestedTool {
  readonly tool: Json;
  readonly param: string;
}

/** Tools stand in `tools`, in namespaces, and in input items that add more of them. */
function requestedTools(body: JsonObject): RequestedTool[] {
  const found: RequestedTool[] = [];
  collect(body.tools, "tools", found);
  const input = Array.isArray(body.input) ? body.input : [];
  for (const [index, item] of input.entries()) {
    if (isObject(item) && item.type === "additional_tools") collect(item.tools, `input[${index}].tools`, found);
  }
  return found;
}

function collect(tools: Json | undefined, param: string, found: RequestedTool[]): void {
  if (!Array.isArray(tools)) return;
  for (const [index, tool] of tools.entries()) {
    found.push({ tool, param: `${param}[${index}]` });
    if (isObject(tool) && tool.type === "namespace") collect(tool.tools, `${param}[${index}].tools`, found);
  }
}

/** The name under which a tool's calls are priced; `null` when they carry no fee. */
function feeOf(tool: JsonObject, type: string): string | null {
  return FREE.has(type) && !runsUpstream(tool) ? null : pricedTool(type);
}

/** A shell is the caller's own unless it asks for a container, which upstream charges for. */
function runsUpstream(tool: JsonObject): boolean {
  if (tool.type !== "shell" || !isObject(tool.environment)) return false;
  return tool.environment.type !== "local";
}

function readCallLimit(value: Json | undefined): number | null | RequestFault {
  if (value === undefined || value === null) return null;
  const isCount = typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= MAX_TOOL_CALLS;
  return isCount ? value : invalid("max_tool_calls", `a whole number from 0 to ${MAX_TOOL_CALLS}`);
}

/** The limit holds for all tools together, so the worst case is that all calls are of the dearest. */
function dearestFirst(calls: Calls, limit: number, rate: Rate): Calls {
  const [dearest, ...others] = Object.keys(calls).sort((a, b) => (rate.perCall[b] ?? 0) - (rate.perCall[a] ?? 0));
  if (dearest === undefined) return calls;
  return Object.fromEntries([[dearest, limit], ...others.map((tool) => [tool, 0] as const)]);
}

/**
 * Hosted calls among an answer's output items. Of a web search only the search itself carries a fee, not the opening
 * of a page it found; a call that failed carries none.
 */
export function countCalls(items: Json | undefined, priced: Calls): Calls {
  const calls: Record<string, number> = {};
  for (const item of Array.isArray(items) ? items : []) {
    const tool = calledTool(item);
    if (tool !== null && Object.hasOwn(priced, tool)) calls[tool] = (calls[tool] ?? 0) + 1;
  }
  return calls;
}

function calledTool(item: Json): string | null {
  if (!isObject(item) || typeof item.type !== "string" || !item.type.endsWith("_call")) return null;
  if (item.status === "failed") return null;
  const tool = pricedTool(item.type.slice(0, -"_call".length));
  if (tool === "web_search" && isObject(item.action) && (item.action.type ?? "search") !== "search") return null;
  return tool;
}

/** The larger count of each tool: an answer tells of its calls as they happen and again at its end. */
export function mostCalls(a: Calls, b: Calls): Calls {
  const most: Record<string, number> = { ...a };
  for (const [tool, count] of Object.entries(b)) most[tool] = Math.max(most[tool] ?? 0, count);
  return most;
}
