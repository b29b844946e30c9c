import { BASE } from "./frame.tsx";

const SIGN_IN = `${BASE}/sign-in`;
/** Browsers take these for the way out of the console. */
const UPWARD = /\/(\.|%2e)/i;

/** Where an operator signs in, and where that leads to afterwards. */
export function operatorSignInPath(next: string | null, why: "ended" | null): string {
  const query = new URLSearchParams();
  if (next !== null && isConsolePath(next) && next !== BASE) query.set("next", next);
  if (why !== null) query.set("why", why);
  return query.size === 0 ? SIGN_IN : `${SIGN_IN}?${query}`;
}

/** Only a page of the console is gone to after a sign-in: never another site. */
export function afterOperatorSignIn(next: string | null): string {
  return next !== null && isConsolePath(next) ? next : BASE;
}

function isConsolePath(path: string): boolean {
  return (
    /^\/dashboard\/admin(?:[/?][\x21-\x7e]*)?$/.test(path) &&
    !path.startsWith(SIGN_IN) &&
    !path.includes("\\") &&
    !UPWARD.test(path)
  );
}
