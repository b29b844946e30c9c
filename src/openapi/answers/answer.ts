import * as z from "zod";

/** The schemas of answers, each under the name that it has in the document. */
export const answers = z.registry<{ id: string }>();

/** Names a schema, so that the document describes it once and refers to it everywhere else. */
export function answer<Schema extends z.ZodType>(id: string, schema: Schema): Schema {
  answers.add(schema, { id });
  return schema;
}

/** A list as it goes over the wire. */
export function pageOf<Item extends z.ZodType>(id: string, item: Item) {
  return answer(id, z.strictObject(pageFields(item)));
}

/** The fields of a list, for lists that tell more. */
export function pageFields<Item extends z.ZodType>(item: Item) {
  return {
    data: z.array(item),
    has_more: z.boolean(),
    next_cursor: z.string().nullable().describe("Send it as `cursor` for the next page; `null` on the last one."),
  };
}
