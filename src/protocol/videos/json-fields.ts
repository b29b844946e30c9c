import type { Json, JsonObject, RequestFault } from "../adapter.ts";
import { invalid } from "../fault.ts";
import type { JsonBody } from "../json-body.ts";
import { isObject } from "../json-object.ts";
import type { FieldRule, FormRules } from "./form-rules.ts";
import type { VideoBody } from "./video-body.ts";

/** A JSON body, read by the same rules as a form: what is said in objects there stands in brackets here. */
export function jsonFields({ value, digest }: JsonBody, rules: FormRules): VideoBody | RequestFault {
  const texts = new Map<string, string>();
  for (const [name, member] of membersOf(value)) {
    const rule = rules.texts.get(name);
    if (!rule) return rules.refuse(name);
    const text = textOf(member, rule);
    if (text === null) return invalid(name, rule.numeric ? "a number or a string" : "a string");
    const refused = rule.check(text);
    if (refused) return refused;
    texts.set(name, text);
  }
  return {
    texts,
    files: new Set(),
    whole: true,
    digest,
    toUpstream: (sent) => ({
      contentType: "application/json",
      body: new TextEncoder().encode(JSON.stringify(withTexts(value, texts, sent))),
      broken: null,
      sentAt: () => 0,
      fault: () => null,
    }),
    cancel: () => undefined,
  };
}

/**
 * Members under the names that forms have for them; `null` is the same as nothing. A member whose own name has brackets
 * would be taken for an inner one, and gets a name that no field has.
 */
function* membersOf(body: JsonObject): Generator<[string, Json]> {
  for (const [name, member] of Object.entries(body)) {
    if (member === null) continue;
    if (!isObject(member)) yield [name.replaceAll("[", "[["), member];
    else for (const [inner, value] of Object.entries(member)) if (value !== null) yield [`${name}[${inner}]`, value];
  }
}

function textOf(member: Json, { numeric }: FieldRule): string | null {
  if (typeof member === "string") return member;
  return numeric && typeof member === "number" ? String(member) : null;
}

/** The parsed body with the texts that are to be sent otherwise than they were read. */
function withTexts(body: JsonObject, read: ReadonlyMap<string, string>, sent: ReadonlyMap<string, string>): JsonObject {
  const changed = [...sent].filter(([name, value]) => read.get(name) !== value);
  return { ...body, ...Object.fromEntries(changed) };
}
