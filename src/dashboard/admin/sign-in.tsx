import { Hono } from "hono";
import { isActorName } from "../../http/actor.ts";
import { isAdminToken } from "../../http/authentication.ts";
import type { HttpContext, HttpEnv } from "../../http/context.ts";
import { noteFailure, waitAt } from "../../http/failed-attempts.ts";
import { wordIn } from "../../http/query.ts";
import { readFields } from "../form.ts";
import type { Notice } from "../layout.tsx";
import { page } from "../page.tsx";
import { BASE } from "./frame.tsx";
import { beginOperator, endOperator, operatorOf, readOperatorForm } from "./operator.ts";
import { afterOperatorSignIn } from "./sign-in-path.ts";

const WHY: Readonly<Record<string, Notice>> = {
  ended: { tone: "note", text: "Your session has ended. Please sign in again." },
  left: { tone: "done", text: "You are signed out." },
};

/** Signing in to the console, apart from users: with the operator's token, and the name that the log is to have. */
export function operatorSignInRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/sign-in", (c) => signInPage(c, wordIn(c, "why", WHY), c.req.query("next") ?? null));
  routes.post("/sign-in", (c) => signIn(c));
  routes.post("/sign-out", async (c) => {
    const operator = await operatorOf(c);
    await readOperatorForm(c, operator);
    endOperator(c);
    return c.redirect(`${BASE}/sign-in?why=left`, 303);
  });
  return routes;
}

async function signIn(c: HttpContext): Promise<Response> {
  const fields = await readFields(c);
  const next = fields.get("next");
  const wait = waitAt(c, "operator");
  if (wait > 0) {
    c.header("retry-after", String(wait));
    const text = `Too many failed attempts from your address. Try again in ${Math.ceil(wait / 60)} min.`;
    return signInPage(c, { tone: "wrong", text }, next, 429);
  }
  const name = (fields.get("name") ?? "").trim();
  if (!isActorName(name)) {
    return signInPage(c, { tone: "wrong", text: "Say your name, in up to 100 characters." }, next, 400);
  }
  if (!isAdminToken(c, (fields.get("token") ?? "").trim())) {
    noteFailure(c, "operator");
    return signInPage(c, { tone: "wrong", text: "That is not the operator's token." }, next, 401);
  }
  await beginOperator(c, name);
  return c.redirect(afterOperatorSignIn(next), 303);
}

function signInPage(c: HttpContext, notice: Notice | null, next: string | null, status: 200 | 400 | 401 | 429 = 200) {
  return page(
    c,
    {
      title: "Sign in · Operators",
      house: "Operators",
      notice,
      children: (
        <>
          <h1>Sign in as an operator</h1>
          <p class="lead">
            Accounts, plans, prices and the ledger. What you do here is logged with your name and your reason.
          </p>
          <form class="form" method="post" action={`${BASE}/sign-in`}>
            {next === null ? null : <input type="hidden" name="next" value={afterOperatorSignIn(next)} />}
            <div class="field">
              <label for="name">Your name</label>
              <input id="name" name="name" type="text" required autofocus maxlength={100} autocomplete="name" />
            </div>
            <div class="field">
              <label for="token">Operator's token</label>
              <input
                id="token"
                name="token"
                type="password"
                required
                autocomplete="off"
                spellcheck={false}
                aria-describedby="token-hint"
              />
              <p class="hint" id="token-hint">
                SPILLWAY_ADMIN_TOKEN of this gateway. The session ends after eight hours.
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
