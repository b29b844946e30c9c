import * as z from "zod";
import { answers } from "./answers/answer.ts";
import { bodies } from "./bodies.ts";

/** A schema as it stands in the document. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** All named schemas of the document: bodies as they may be sent, answers as they come. */
export function componentSchemas(): Record<string, JsonSchema> {
  const sent = z.toJSONSchema(bodies, { io: "input", uri, override: ({ jsonSchema }) => shorten(jsonSchema) });
  const told = z.toJSONSchema(answers, {
    io: "output",
    uri,
    override({ jsonSchema }) {
      shorten(jsonSchema);
      open(jsonSchema);
    },
  });
  return Object.fromEntries(
    [...Object.entries(sent.schemas), ...Object.entries(told.schemas)]
      .map(([id, { $schema, $id, ...schema }]): [string, JsonSchema] => [id, schema])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** A reference to a named schema. Throws for one without a name: what is not named is not in the document. */
export function referenceTo(schema: z.ZodType): JsonSchema {
  const id = bodies.get(schema)?.id ?? answers.get(schema)?.id;
  if (id === undefined) throw new Error("a schema of the document has no name");
  return { $ref: uri(id) };
}

function uri(id: string): string {
  return `#/components/schemas/${id}`;
}

/** Answers may gain fields: whoever reads them passes over what it does not know. */
function open(schema: { additionalProperties?: unknown }): void {
  if (schema.additionalProperties === false) delete schema.additionalProperties;
}

interface Wordy {
  format?: unknown;
  pattern?: unknown;
  maximum?: unknown;
}

/** Takes out what says nothing to a reader: the pattern behind a format, and the largest number there is. */
function shorten(schema: Wordy): void {
  if (schema.format !== undefined) delete schema.pattern;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
}
