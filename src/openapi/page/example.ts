import type { OpenApiDocument, PathOperation } from "../format.ts";
import type { JsonSchema } from "../json-schemas.ts";
import { isSchema, listOf } from "./reading.ts";

/** A command to copy that asks a route. What the reader has to fill in stands in capitals. */
export function curlOf(document: OpenApiDocument, origin: string, method: string, path: string): string {
  const operation = document.paths[path]?.[method];
  if (!operation) return "";
  const lines = [`curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}${origin}${filled(path)}`];
  const [security] = operation.security;
  if (security)
    lines.push(`-H "Authorization: Bearer ${"operator" in security ? "$SPILLWAY_ADMIN_TOKEN" : "$SPILLWAY_KEY"}"`);
  for (const { in: place, name, required } of operation.parameters) {
    if (place === "header" && required) lines.push(`-H "${name}: order-1"`);
  }
  const body = bodyOf(document, operation);
  if (body !== null) lines.push(`-H "Content-Type: application/json"`, `-d '${body}'`);
  return lines.join(" \\\n  ");
}

function filled(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase());
}

function bodyOf({ components }: OpenApiDocument, { requestBody }: PathOperation): string | null {
  const schema = requestBody?.content["application/json"]?.schema;
  if (!schema || !requestBody.required) return null;
  if (schema.$ref === undefined) return '{"model":"gpt-5.4-mini", …}';
  return JSON.stringify(exampleOf(schema, components.schemas));
}

/** The smallest value that a schema takes, as far as a schema can tell. */
function exampleOf(schema: JsonSchema, named: Readonly<Record<string, JsonSchema>>): unknown {
  if (typeof schema.$ref === "string") {
    const target = named[schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1)];
    return target ? exampleOf(target, named) : null;
  }
  const [given] = listOf(schema.examples);
  if (given !== undefined) return given;
  if (schema.const !== undefined) return schema.const;
  const [choice] = [...listOf(schema.enum)];
  if (choice !== undefined) return choice;
  const [alternative] = [...listOf(schema.anyOf), ...listOf(schema.oneOf)].filter(isSchema);
  if (alternative) return exampleOf(alternative, named);
  return plainExample(schema, named);
}

function plainExample(schema: JsonSchema, named: Readonly<Record<string, JsonSchema>>): unknown {
  switch (schema.type) {
    case "object":
      return objectExample(schema, named);
    case "array":
      return isSchema(schema.items) ? [exampleOf(schema.items, named)] : [];
    case "integer":
    case "number":
      return schema.minimum ?? 1;
    case "boolean":
      return false;
    default:
      return schema.format === "date-time" ? "2026-11-22T12:00:00Z" : "…";
  }
}

function objectExample(schema: JsonSchema, named: Readonly<Record<string, JsonSchema>>): Record<string, unknown> {
  const required = listOf(schema.required);
  const properties = isSchema(schema.properties) ? schema.properties : {};
  const fields = Object.entries(properties).flatMap(([name, field]) =>
    required.includes(name) && isSchema(field) ? [[name, exampleOf(field, named)] as const] : [],
  );
  const { additionalProperties } = schema;
  const some = isSchema(additionalProperties) ? [["NAME", exampleOf(additionalProperties, named)] as const] : [];
  return Object.fromEntries([...fields, ...some]);
}
