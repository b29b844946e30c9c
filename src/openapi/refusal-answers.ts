import type { z } from "zod";
import { errorAnswer, openAIErrorAnswer } from "./answers/errors.ts";
import type { PathAnswer, PathOperation } from "./format.ts";
import { referenceTo } from "./json-schemas.ts";
import { isAct, type Operation } from "./operation.ts";
import { OPENAI_REFUSALS } from "./operations/openai.ts";
import { meaningOf, type RefusalCode, statusOf } from "./refusals.ts";

/** Codes that a route has because of who may ask, of what it is sent, and of what it reads. */
export function refusalCodesOf(operation: Operation): RefusalCode[] {
  const { path, caller, body, refusals } = operation;
  const codes = new Set<RefusalCode>(refusals);
  const add = (...more: readonly RefusalCode[]) => {
    for (const code of more) codes.add(code);
  };
  if (caller === "key") add("invalid_api_key", "missing_scope", "ambiguous_auth");
  if (caller === "operator") add("invalid_admin_token", "too_many_attempts", "ambiguous_auth");
  if (isAct(operation)) add("invalid_actor", "invalid_reason");
  if (body) add("invalid_json", "body_incomplete", "request_timeout", "body_too_large", "unsupported_media_type");
  if (body?.some(({ kind }) => kind === "json") && !isDocument(refusals)) add("invalid_request");
  if (caller === "key" || path.startsWith("/admin/")) add("account_unreachable");
  add("key_in_url", "url_too_long", "not_configured", "database_unavailable", "internal_error");
  return [...codes].sort();
}

/** Routes that take a document say in a code of their own that it is refused. */
function isDocument(refusals: readonly RefusalCode[]): boolean {
  return refusals.some((code) => /^invalid_(plan|rate_card|upstream|credit_pack)$/.test(code));
}

/** The refusals of a route, by status. */
export function refusalsOf(operation: Operation): PathOperation["responses"] {
  if (operation.path.startsWith("/v1/")) {
    return Object.fromEntries(
      Object.keys(OPENAI_REFUSALS).map((status) => [status, { $ref: `#/components/responses/${sharedName(status)}` }]),
    );
  }
  const byStatus = Map.groupBy(refusalCodesOf(operation), statusOf);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => {
      const description = codes.map((code) => `\`${code}\`: ${meaningOf(code)}`).join("\n");
      return [status, refusal(description, errorAnswer)];
    }),
  );
}

/** Under `/v1` every route refuses in the same words. */
export function sharedRefusals(): Record<string, PathAnswer> {
  return Object.fromEntries(
    Object.entries(OPENAI_REFUSALS).map(([status, description]) => [
      sharedName(status),
      refusal(description, openAIErrorAnswer),
    ]),
  );
}

function sharedName(status: string): string {
  return `OpenAI${status}`;
}

function refusal(description: string, schema: z.ZodType): PathAnswer {
  return { description, content: { "application/json": { schema: referenceTo(schema) } } };
}
