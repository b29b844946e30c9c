import type { z } from "zod";
import type { RefusalCode } from "./refusals.ts";

export type Method = "get" | "post" | "put" | "patch" | "delete";

/** Who may ask: the holder of a key, the operator, whoever has signed the body, or anybody. */
export type Caller = "key" | "operator" | "signature" | "anybody";

export interface Parameter {
  readonly description: string;
  readonly required?: boolean;
  /** JSON Schema; text without it. */
  readonly schema?: Readonly<Record<string, unknown>>;
}

/** A body or an answer that is JSON of a schema, or else something that is told in words. */
export type Content =
  | { readonly kind: "json"; readonly schema: z.ZodType }
  /** JSON that is described elsewhere. */
  | { readonly kind: "object"; readonly description: string }
  | { readonly kind: "other"; readonly mediaType: string; readonly description: string };

/** One answer to a request that is not refused; of several contents, what was asked for. */
export interface Answer {
  readonly description: string;
  readonly contents: readonly Content[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** One route and what is to be known of it. Paths are written as OpenAPI has them: `/admin/accounts/{id}`. */
export interface Operation {
  readonly id: string;
  readonly method: Method;
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly caller: Caller;
  readonly query?: Readonly<Record<string, Parameter>>;
  readonly headers?: Readonly<Record<string, Parameter>>;
  /** Whether it may be asked without its body. */
  readonly bodyIsOptional?: boolean;
  readonly body?: readonly Content[];
  readonly answers: Readonly<Record<number, Answer>>;
  /** Refusals of its own. Those that every route of its kind has are added to them. */
  readonly refusals: readonly RefusalCode[];
  /** Where OpenAI describes the route. */
  readonly reference?: string;
}

/** Whether it changes something as the operator: that is logged, with who and why. */
export function isAct({ caller, method }: Operation): boolean {
  return caller === "operator" && method !== "get";
}

export function json(schema: z.ZodType): Content {
  return { kind: "json", schema };
}

/** An answer that is JSON of a schema. */
export function told(description: string, schema: z.ZodType): Answer {
  return { description, contents: [json(schema)] };
}

/** The ledger of an account as a file. */
export const LEDGER_FILE: Answer = {
  description: "A header with all rates that were used, every entry as it was hashed, and an end line.",
  contents: [
    {
      kind: "other",
      mediaType: "application/x-ndjson",
      description: "One JSON value per line. Amounts are integers in micro-credits.",
    },
  ],
};

export const PAGING: Readonly<Record<string, Parameter>> = {
  limit: {
    description: "How many at most.",
    schema: { type: "integer", minimum: 1, maximum: 500, default: 50 },
  },
  cursor: { description: "The `next_cursor` of the page before." },
};

const INSTANT = { type: "string", format: "date-time" };

/** A span of time. */
export function span(from: string): Readonly<Record<string, Parameter>> {
  return {
    from: { description: `From this instant or date on. Default: ${from}.`, schema: INSTANT },
    to: { description: "Up to and without this instant or date. Default: now.", schema: INSTANT },
  };
}

/** Where a report begins that is not told where. */
export const MONTH = "30 days before `to`, or before now";

export const USAGE_QUERY: Readonly<Record<string, Parameter>> = {
  ...span(MONTH),
  group_by: {
    description: "Any of day, feature, model, comma-separated.",
    schema: { type: "string", default: "day", examples: ["day,model"] },
  },
};

export const DRY_RUN: Readonly<Record<string, Parameter>> = {
  dry_run: {
    description: "`true`: the document is checked and compared with the running one, and nothing is stored.",
    schema: { type: "string", enum: ["true", "false"], default: "false" },
  },
};

export const IDEMPOTENCY_KEY: Readonly<Record<string, Parameter>> = {
  "Idempotency-Key": {
    description: "1 to 255 visible ASCII characters. The same key counts once; other terms under it are refused.",
    required: true,
    schema: { type: "string", minLength: 1, maxLength: 255, pattern: "^[\\x21-\\x7e]+$" },
  },
};
