import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** The `:id` of a plan, a rate card or an upstream. */
export function nameOf(c: HttpContext): string {
  const id = c.req.param("id") ?? "";
  if (!NAME.test(id)) throw new HttpFault(400, "invalid_id", "An id is 1 to 64 letters, digits, '.', '_' or '-'.");
  return id;
}
