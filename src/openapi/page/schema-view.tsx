import type { Child } from "hono/jsx";
import type { JsonSchema } from "../json-schemas.ts";
import { Words } from "./prose.tsx";
import { isSchema, listOf } from "./reading.ts";

/** Schemas for reading: a type in a few words, and the fields of objects below it. */

export function anchorOf(id: string): string {
  return `schema-${id}`;
}

/** The fields of an object, or the type of anything else. */
export function SchemaView({ schema }: { schema: JsonSchema }) {
  const fields = fieldsOf(schema);
  if (fields.length === 0) {
    return (
      <p>
        <TypeWords schema={schema} />
        <Bounds schema={schema} />
      </p>
    );
  }
  return <Fields schema={schema} fields={fields} />;
}

type Field = readonly [name: string, schema: JsonSchema];

function Fields({ schema, fields }: { schema: JsonSchema; fields: readonly Field[] }) {
  const required = listOf(schema.required);
  return (
    <dl class="fields">
      {fields.map(([name, field]) => (
        <div>
          <dt>
            <code>{name}</code>
            {required.includes(name) ? null : <span class="optional"> optional</span>}
          </dt>
          <dd>
            <span class="type">
              <TypeWords schema={field} />
            </span>
            <Bounds schema={field} />
            {typeof field.description === "string" ? (
              <p>
                <Words text={field.description} />
              </p>
            ) : null}
            <Inside schema={field} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** What stands within a field and has no name of its own. */
function Inside({ schema }: { schema: JsonSchema }) {
  const inner = [schema, ...partsOf(schema)].find((part) => fieldsOf(part).length > 0);
  return inner ? <Fields schema={inner} fields={fieldsOf(inner)} /> : null;
}

function partsOf(schema: JsonSchema): JsonSchema[] {
  const inner = [...choicesOf(schema), schema.items, schema.additionalProperties].filter(isSchema);
  return inner.flatMap((part) => [part, ...partsOf(part)]);
}

/** A type in words: `Credits or null`, `list of Grant`, `"day" | "week"`. */
function TypeWords({ schema }: { schema: JsonSchema }): Child {
  if (typeof schema.$ref === "string") {
    const id = schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1);
    return <a href={`#${anchorOf(id)}`}>{id}</a>;
  }
  const choices = choicesOf(schema);
  if (choices.length > 0) return <>{between(choices.map((choice) => <TypeWords schema={choice} />))}</>;
  if (schema.const !== undefined) return <code>{JSON.stringify(schema.const)}</code>;
  if (Array.isArray(schema.enum))
    return <>{between(schema.enum.map((value) => <code>{JSON.stringify(value)}</code>))}</>;
  if (schema.type === "array") {
    return <>list of {isSchema(schema.items) ? <TypeWords schema={schema.items} /> : "anything"}</>;
  }
  if (schema.type === "object" && isSchema(schema.additionalProperties)) {
    return (
      <>
        object of name → <TypeWords schema={schema.additionalProperties} />
      </>
    );
  }
  if (Array.isArray(schema.type)) return schema.type.join(" or ");
  return typeof schema.type === "string" ? schema.type : "anything";
}

function between(parts: readonly Child[]): Child[] {
  return parts.flatMap((part, index) => (index === 0 ? [part] : [" or ", part]));
}

/** What a value may be within its type, and what it is when it is not sent. */
function Bounds({ schema }: { schema: JsonSchema }) {
  const { minimum, maximum, maxLength, maxItems, pattern, format } = schema;
  const told = [
    rangeText(minimum, maximum),
    maxLength === undefined ? "" : `at most ${maxLength} characters`,
    maxItems === undefined ? "" : `at most ${maxItems}`,
    typeof format === "string" ? format : "",
    schema.default === undefined ? "" : `default ${JSON.stringify(schema.default)}`,
  ].filter((text) => text !== "");
  return (
    <>
      {told.map((text) => (
        <span class="bound">{text}</span>
      ))}
      {typeof pattern === "string" ? <code class="bound">{pattern}</code> : null}
    </>
  );
}

function rangeText(minimum: unknown, maximum: unknown): string {
  if (maximum === undefined) return minimum === undefined ? "" : `from ${minimum}`;
  return minimum === undefined ? `up to ${maximum}` : `${minimum} to ${maximum}`;
}

function fieldsOf(schema: JsonSchema): Field[] {
  return isSchema(schema.properties) ? Object.entries(schema.properties).filter(isField) : [];
}

function isField(entry: [string, unknown]): entry is [string, JsonSchema] {
  return isSchema(entry[1]);
}

function choicesOf(schema: JsonSchema): JsonSchema[] {
  return [schema.anyOf, schema.oneOf].flatMap((choices) => (Array.isArray(choices) ? choices.filter(isSchema) : []));
}
