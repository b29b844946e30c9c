import { timingSafeEqual } from "node:crypto";
import { nanoid } from "nanoid";
import * as z from "zod";
import type { HttpContext } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import { dropSignedCookie, readSignedCookie, tokenFor, writeSignedCookie } from "../../http/signed-cookie.ts";
import { readFields } from "../form.ts";
import { CSRF_FIELD } from "../layout.tsx";

/** Who is signed in to the console: the name that goes into the log of what operators did. */
export interface Operator {
  readonly id: string;
  readonly name: string;
  /** What the operator's forms carry. */
  readonly csrfToken: string;
}

/** Its own cookie: a user's session opens nothing here, and an operator's nothing there. */
const COOKIE = { name: "spillway_operator" };
const HOURS_8_MS = 8 * 3_600_000;

const stored = z.object({ id: z.string(), name: z.string(), proof: z.string() });

/** Begins a session of eight hours. It ends sooner when the operator's token is changed. */
export async function beginOperator(c: HttpContext, name: string): Promise<void> {
  const value = { id: nanoid(), name, proof: tokenProof(c) };
  await writeSignedCookie(c, COOKIE, value, Date.now() + HOURS_8_MS);
}

/** The operator who asks. Throws {@link HttpFault}: 401 leads to the sign-in. */
export async function operatorOf(c: HttpContext): Promise<Operator> {
  const sealed = await readSignedCookie(c, COOKIE);
  const read = sealed && stored.safeParse(sealed.value);
  if (!read?.success || !isSame(read.data.proof, tokenProof(c))) {
    throw new HttpFault(401, "not_signed_in", "Please sign in.");
  }
  const { id, name } = read.data;
  return { id, name, csrfToken: tokenFor(c, COOKIE, id) };
}

export function endOperator(c: HttpContext): void {
  dropSignedCookie(c, COOKIE);
}

/** The fields of a form that an operator sends; refused without the session's token. Throws {@link HttpFault}. */
export async function readOperatorForm(
  c: HttpContext,
  operator: Operator,
  mostBytes?: number,
): Promise<URLSearchParams> {
  const form = await readFields(c, mostBytes);
  if (!isSame(form.get(CSRF_FIELD) ?? "", operator.csrfToken)) {
    throw new HttpFault(403, "invalid_csrf_token", "This form is out of date. Go back, reload the page and try again.");
  }
  return form;
}

/** Tells that the operator's token is the one that the session began with, and does not tell the token. */
function tokenProof(c: HttpContext): string {
  return tokenFor(c, COOKIE, `token ${c.var.services.config.adminToken}`);
}

function isSame(given: string, expected: string): boolean {
  const encoder = new TextEncoder();
  const [a, b] = [encoder.encode(given), encoder.encode(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
