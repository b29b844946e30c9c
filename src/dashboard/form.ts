import { readAtMost } from "../http/bounded-body.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { isCsrfToken, type Session } from "../http/session.ts";
import { CSRF_FIELD } from "./layout.tsx";

const FORM_BYTES = 64 * 1024;

/** The fields of a form that a session sends; refused without the session's token. Throws {@link HttpFault}. */
export async function readForm(c: HttpContext, session: Session): Promise<URLSearchParams> {
  const form = await readFields(c);
  if (!isCsrfToken(c, session, form.get(CSRF_FIELD) ?? "")) {
    throw new HttpFault(403, "invalid_csrf_token", "This form is out of date. Go back, reload the page and try again.");
  }
  return form;
}

/** The fields of a form, whoever sends it. Throws {@link HttpFault}. */
export async function readFields(c: HttpContext, mostBytes = FORM_BYTES): Promise<URLSearchParams> {
  const type = c.req.header("content-type") ?? "";
  if (!/^application\/x-www-form-urlencoded\b/i.test(type)) {
    throw new HttpFault(415, "unsupported_media_type", "Send the form as application/x-www-form-urlencoded.");
  }
  const tooLarge = new HttpFault(413, "body_too_large", "The form is too large.");
  const bytes = await readAtMost(c, mostBytes, tooLarge);
  return new URLSearchParams(new TextDecoder().decode(bytes));
}
