import type { References } from "../core/continuation.ts";
import type { Json, JsonObject, RequestFault } from "./adapter.ts";
import { invalid, unsupported } from "./fault.ts";
import { isObject } from "./json-object.ts";

const NOT_OWNED = "It names something stored upstream, where it belongs to nobody in particular: send it inline.";
const UNBOUNDED = "Its size is not known before the call, so it cannot be reserved: send it inline.";
const UNPRICED_AUDIO = "Audio has no price here.";

/** Parts whose content may stand elsewhere; a caller's own data of any other type is left alone. */
const FILE_PARTS: ReadonlySet<Json | undefined> = new Set(["input_file", "file", "input_image", "computer_screenshot"]);

const MOST_REFERENCES = 10_000;

/** What a request names of earlier responses: the one it goes on from, and single items, whose type may be left out. */
export function readReferences(body: JsonObject): References | RequestFault {
  const previous = body.previous_response_id ?? null;
  if (previous !== null && !isId(previous)) return invalid("previous_response_id", "the id of a response");
  const items: string[] = [];
  for (const [index, item] of (Array.isArray(body.input) ? body.input : []).entries()) {
    if (!isObject(item) || !isReference(item)) continue;
    if (!isId(item.id)) return invalid(`input[${index}].id`, "the id of an item");
    items.push(item.id);
  }
  if (items.length > MOST_REFERENCES) return invalid("input", `at most ${MOST_REFERENCES} references`);
  return { previousResponse: previous, items };
}

/**
 * An item that only names another. An image that was made before is either said in its `result` or named by its id, and
 * so is hidden reasoning in its `encrypted_content`.
 */
function isReference(item: JsonObject): boolean {
  const { type, role, id, status, result } = item;
  if (type === "image_generation_call") return typeof result !== "string" && status !== "failed" && isSet(id);
  if (type === "reasoning") return isSet(id) && !isSaid(item);
  return type === "item_reference" || (!isSet(type) && !isSet(role) && isSet(id));
}

/** Whether reasoning stands in the item itself. A summary does not say it. */
function isSaid({ encrypted_content: encrypted, content }: JsonObject): boolean {
  return (typeof encrypted === "string" && encrypted !== "") || isFilled(content);
}

function isId(value: Json | undefined): value is string {
  return typeof value === "string" && /^[\w-]{1,256}$/.test(value);
}

/**
 * Refuses what an input takes from elsewhere instead of saying it: files that upstream keeps for all callers together, files behind a URL, and audio. `param` is the member of the request that holds the input.
 */
export function refuseReferences(input: Json | undefined, param: string): RequestFault | null {
  if (Array.isArray(input)) {
    for (const [index, element] of input.entries()) {
      const refused = refuseReferences(element, `${param}[${index}]`);
      if (refused) return refused;
    }
    return null;
  }
  if (!isObject(input)) return null;
  const refused = refusePart(input, param);
  if (refused) return refused;
  for (const [name, value] of Object.entries(input)) {
    if (typeof value !== "object") continue;
    const inner = refuseReferences(value, `${param}.${name}`);
    if (inner) return inner;
  }
  return null;
}

function refusePart(part: JsonObject, param: string): RequestFault | null {
  if (part.type === "input_audio") return unsupported(`${param}.type`, UNPRICED_AUDIO);
  if (!FILE_PARTS.has(part.type)) return null;
  // One protocol puts a file's members into the part, the other one level below.
  const file = isObject(part.file) ? part.file : part;
  if (isSet(file.file_id)) return unsupported(`${param}.file_id`, NOT_OWNED);
  if (isSet(file.file_url)) return unsupported(`${param}.file_url`, UNBOUNDED);
  return null;
}

/** Refuses a tool that takes over a container or files from elsewhere. */
export function refuseToolReference(tool: JsonObject, param: string): RequestFault | null {
  const container = tool.container ?? tool.environment;
  const takesOver =
    typeof container === "string" ||
    (isObject(container) && (isSet(container.container_id) || isFilled(container.file_ids)));
  if (takesOver) return unsupported(`${param}.container`, NOT_OWNED);
  const mask = tool.input_image_mask;
  return isObject(mask) && isSet(mask.file_id) ? unsupported(`${param}.input_image_mask.file_id`, NOT_OWNED) : null;
}

function isFilled(value: Json | undefined): boolean {
  return Array.isArray(value) && value.length > 0;
}

/** Whether a member is there: `null` means the same as leaving it out. */
export function isSet(value: Json | undefined): boolean {
  return value !== undefined && value !== null;
}
