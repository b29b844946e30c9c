import type { JsonSchema } from "../json-schemas.ts";

/** Reading schemas, which are any JSON as far as their type tells. */

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
