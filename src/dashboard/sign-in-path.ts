const SIGN_IN = "/dashboard/sign-in";
/** Browsers take these for the way out of the dashboard. */
const UPWARD = /\/(\.|%2e)/i;

/** Where to sign in, and where that leads to afterwards. */
export function signInPath({ next, why }: { next: string | null; why: "ended" | "left" | null }): string {
  const query = new URLSearchParams();
  if (next !== null && isOwnPath(next) && next !== "/dashboard") query.set("next", next);
  if (why !== null) query.set("why", why);
  return query.size === 0 ? SIGN_IN : `${SIGN_IN}?${query}`;
}

/** Only a page of the dashboard is gone to after a sign-in: never another site. */
export function afterSignIn(next: string | null): string {
  return next !== null && isOwnPath(next) ? next : "/dashboard";
}

function isOwnPath(path: string): boolean {
  return (
    /^\/dashboard(?:[/?][\x21-\x7e]*)?$/.test(path) &&
    !path.startsWith(SIGN_IN) &&
    !path.includes("\\") &&
    !UPWARD.test(path)
  );
}
