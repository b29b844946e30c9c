import { Hono } from "hono";
import { openFor } from "../http/account-access.ts";
import { readApiKey } from "../http/api-key.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { noteFailure, waitAt } from "../http/failed-attempts.ts";
import { HttpFault } from "../http/fault.ts";
import { readPlatformToken } from "../http/platform-token.ts";
import { wordIn } from "../http/query.ts";
import { beginSession, endSession, readSession, type Session } from "../http/session.ts";
import { readFields, readForm } from "./form.ts";
import type { Notice } from "./layout.tsx";
import { page } from "./page.tsx";
import { afterSignIn, signInPath } from "./sign-in-path.ts";

const WHY: Readonly<Record<string, Notice>> = {
  ended: { tone: "note", text: "Your session has ended, or its key was revoked. Please sign in again." },
  left: { tone: "done", text: "You are signed out." },
};

/** Signing in and out. */
export function signInRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/sign-in", (c) => signInPage(c, wordIn(c, "why", WHY), c.req.query("next") ?? null));
  routes.post("/sign-in", (c) => signInWithKey(c));
  routes.post("/sign-in/token", (c) => signInWithToken(c));
  routes.post("/sign-out", async (c) => {
    const session = await readSession(c);
    if (session) await readForm(c, session);
    endSession(c);
    return c.redirect(signInPath({ next: null, why: "left" }), 303);
  });
  return routes;
}

async function signInWithKey(c: HttpContext): Promise<Response> {
  const fields = await readFields(c);
  const next = fields.get("next");
  const wait = waitAt(c, "account");
  if (wait > 0) return tooMany(c, wait, next);
  const key = readApiKey(c.var.services.config.keySecret, (fields.get("key") ?? "").trim());
  const who = key && { accountId: key.accountId, key: { id: key.keyId, digest: key.digest } };
  const refusal = who ? await refusalFor(c, who) : "That is not a key of this gateway.";
  if (!who || refusal !== null) {
    noteFailure(c, "account");
    return signInPage(c, { tone: "wrong", text: refusal }, next, 401);
  }
  await beginSession(c, who);
  return c.redirect(afterSignIn(next), 303);
}

/**
 * The platform's own page sends its user here with a token. The answer is a page that goes on by itself and not a
 * redirect: after a redirect that another site began, browsers hold the new cookie back.
 */
async function signInWithToken(c: HttpContext): Promise<Response> {
  const { token: config } = c.var.services.config;
  if (!config) throw new HttpFault(404, "unknown_url", "This gateway takes no sign-in from elsewhere.");
  const fields = await readFields(c);
  const wait = waitAt(c, "account");
  if (wait > 0) return tooMany(c, wait, null);
  const identity = await readPlatformToken(config, fields.get("token") ?? "").catch((error: unknown) => {
    console.error(JSON.stringify({ event: "platform_keys_unreachable", message: String(error) }));
    throw new HttpFault(503, "platform_unreachable", "Your sign-in cannot be checked right now; try again shortly.");
  });
  const who = identity && { accountId: identity.accountId, key: null };
  const refusal = who ? await refusalFor(c, who) : "Your sign-in could not be verified, or it has run out.";
  if (!identity || !who || refusal !== null) {
    noteFailure(c, "account");
    return signInPage(c, { tone: "wrong", text: refusal }, null, 401);
  }
  await beginSession(c, who, identity.until);
  const next = afterSignIn(fields.get("next"));
  c.header("refresh", `0; url=${next}`);
  return page(c, {
    title: "Signed in",
    children: (
      <>
        <h1>Signed in</h1>
        <p>
          <a href={next}>Go on to the dashboard</a>
        </p>
      </>
    ),
  });
}

/** Why somebody may not come in, or `null`. The account's object decides. */
async function refusalFor(c: HttpContext, who: Omit<Session, "id">): Promise<string | null> {
  try {
    await openFor(c, who, "read");
    return null;
  } catch (error) {
    if (!(error instanceof HttpFault) || error.status >= 500) throw error;
    if (error.code === "missing_scope") return "This key may not look at the account: it lacks the scope “read”.";
    return who.key === null ? "There is no such account here." : "This key is not valid: it may be revoked or expired.";
  }
}

function tooMany(c: HttpContext, waitSeconds: number, next: string | null): Response | Promise<Response> {
  c.header("retry-after", String(waitSeconds));
  const minutes = Math.ceil(waitSeconds / 60);
  const text = `Too many failed attempts from your address. Try again in ${minutes} minute${minutes === 1 ? "" : "s"}.`;
  return signInPage(c, { tone: "wrong", text }, next, 429);
}

function signInPage(c: HttpContext, notice: Notice | null, next: string | null, status: 200 | 401 | 429 = 200) {
  return page(
    c,
    {
      title: "Sign in",
      notice,
      children: (
        <>
          <h1>Sign in</h1>
          <p class="lead">
            See what you may use, what you have used, and who paid for it. Sign in with an API key of your account; it
            is sent to this gateway only.
          </p>
          <form class="form" method="post" action="/dashboard/sign-in">
            {next === null ? null : <input type="hidden" name="next" value={afterSignIn(next)} />}
            <div class="field">
              <label for="key">API key</label>
              <input
                id="key"
                name="key"
                type="password"
                required
                autofocus
                autocomplete="off"
                spellcheck={false}
                placeholder="sk-spill-…"
                aria-describedby="key-hint"
              />
              <p class="hint" id="key-hint">
                The session ends after twelve hours, when you sign out, or when the key is revoked.
              </p>
            </div>
            <button type="submit">Sign in</button>
          </form>
        </>
      ),
    },
    status,
  );
}
