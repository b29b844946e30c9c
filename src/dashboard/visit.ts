import { hasScope, type Scope } from "../core/scope.ts";
import { type OpenedAccount, openFor } from "../http/account-access.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { csrfTokenOf, readSession, type Session } from "../http/session.ts";
import type { LayoutProps } from "./layout.tsx";
import { ACCOUNT_PLACES } from "./navigation.ts";

/** A signed-in person on a page, with the account as its object tells it now. */
export interface Visit extends OpenedAccount {
  readonly session: Session;
  readonly csrfToken: string;
  may(scope: Scope): boolean;
}

/**
 * The visit of whoever asks for a page. Every page asks the account's object, so a key that was revoked a moment ago
 * opens none. Throws {@link HttpFault}: 401 leads to the sign-in.
 */
export async function visitOf(c: HttpContext): Promise<Visit> {
  const session = await readSession(c);
  if (!session) throw new HttpFault(401, "not_signed_in", "Please sign in.");
  const opened = await openFor(c, session, "read");
  const scopes = opened.account.scopes ?? null;
  return { ...opened, session, csrfToken: csrfTokenOf(c, session), may: (scope) => hasScope(scopes, scope) };
}

/** The frame of a page of the account. */
export function frameOf({ account, csrfToken }: Visit, title: string, current: string): LayoutProps {
  return {
    title,
    current,
    places: ACCOUNT_PLACES,
    presence: {
      name: account.id,
      detail:
        account.status === "active" ? `${account.plan.name} plan` : `${account.plan.name} plan, ${account.status}`,
      signOutPath: "/dashboard/sign-out",
      csrfToken,
    },
  };
}
