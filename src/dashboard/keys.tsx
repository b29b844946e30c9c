import { Hono } from "hono";
import type { Child } from "hono/jsx";
import { SCOPES, type Scope } from "../core/scope.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { type KeyTerms, makeOwnKey, type NewKey, type RolledKey, revokeOwnKey, rollOwnKey } from "../http/own-keys.ts";
import { CodeBlock } from "./code-block.tsx";
import { readForm } from "./form.ts";
import { Countdown, Instant } from "./instants.tsx";
import { KeyTable } from "./key-table.tsx";
import { CsrfField, type Notice } from "./layout.tsx";
import { page } from "./page.tsx";
import { frameOf, type Visit, visitOf } from "./visit.ts";

const KEYS_PATH = "/dashboard/keys";
const DAY_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;
const NAME_MOST = 200;
const LIVES = [
  ["0", "never"],
  ["7", "in 7 days"],
  ["30", "in 30 days"],
  ["90", "in 90 days"],
  ["365", "in a year"],
] as const;

const SCOPE_TEXT: Readonly<Record<Scope, string>> = {
  inference: "make requests to models",
  read: "look at the account, its requests and its ledger",
  manage: "make and revoke keys, buy credits, change alerts",
};

/** The keys of an account: made, shown once, rolled, revoked. */
export function keyPages(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", async (c) => {
    const revoked = c.req.query("revoked");
    const notice: Notice | null = revoked === undefined ? null : { tone: "done", text: "The key is revoked." };
    return listPage(c, await visitOf(c), notice);
  });
  routes.post("/", make);
  routes.post("/:id/roll", roll);
  routes.post("/:id/revoke", revoke);
  return routes;
}

async function make(c: HttpContext): Promise<Response> {
  const visit = await visitOf(c);
  const terms = termsOf(await readForm(c, visit.session));
  return attempt(c, visit, async () =>
    secretPage(c, visit, "New key", await makeOwnKey(c, visit.session, terms), null),
  );
}

async function roll(c: HttpContext): Promise<Response> {
  const visit = await visitOf(c);
  const form = await readForm(c, visit.session);
  const hours = Number(form.get("overlap_hours") || "24");
  if (!(hours >= 0 && hours <= 720)) throw new HttpFault(400, "invalid_request", "The overlap is 0 to 720 hours.");
  const id = c.req.param("id") ?? "";
  return attempt(c, visit, async () =>
    rolledPage(c, visit, id, await rollOwnKey(c, visit.session, id, hours * HOUR_MS)),
  );
}

async function revoke(c: HttpContext): Promise<Response> {
  const visit = await visitOf(c);
  await readForm(c, visit.session);
  const id = c.req.param("id") ?? "";
  return attempt(c, visit, async () => {
    await revokeOwnKey(c, visit.session, id);
    // Whoever revokes the key of the session is led to the sign-in from there.
    return c.redirect(`${KEYS_PATH}?revoked=1`, 303);
  });
}

/** Does it, or says on the list why it was not done. */
async function attempt(c: HttpContext, visit: Visit, act: () => Promise<Response>): Promise<Response> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof HttpFault) || error.status === 401 || error.status >= 500) throw error;
    return listPage(c, visit, { tone: "wrong", text: error.message }, error.status);
  }
}

function termsOf(form: URLSearchParams): KeyTerms {
  const name = (form.get("name") ?? "").trim();
  if (name.length > NAME_MOST)
    throw new HttpFault(400, "invalid_request", `A name has at most ${NAME_MOST} characters.`);
  const days = Number(form.get("days") ?? "0");
  if (!LIVES.some(([known]) => Number(known) === days)) throw new HttpFault(400, "invalid_request", "No such expiry.");
  const scopes = SCOPES.filter((scope) => form.getAll("scope").includes(scope));
  if (scopes.length === 0) throw new HttpFault(400, "invalid_request", "Choose at least one thing the key may do.");
  return {
    name: name === "" ? null : name,
    scopes: scopes.length === SCOPES.length ? null : scopes,
    expiresAt: days === 0 ? null : Date.now() + days * DAY_MS,
  };
}

async function listPage(
  c: HttpContext,
  visit: Visit,
  notice: Notice | null,
  status: HttpFault["status"] | 200 = 200,
): Promise<Response> {
  const keys = await c.var.services.accounts.keys(visit.account.id);
  const children = (
    <>
      <h1>Keys</h1>
      <p class="lead">
        A key is shown once, when it is made; only a digest of it is kept. Rolling gives you a new key now and lets the
        old one work on for a while.
      </p>
      <KeyTable keys={keys} visit={visit} now={Date.now()} />
      {visit.may("manage") ? (
        <NewKeyForm visit={visit} />
      ) : (
        <p class="soft">You signed in with a key that may not manage keys.</p>
      )}
    </>
  );
  return page(c, { ...frameOf(visit, "Keys", KEYS_PATH), notice, children }, status);
}

function NewKeyForm({ visit }: { visit: Visit }) {
  return (
    <section aria-labelledby="new-key">
      <h2 id="new-key">New key</h2>
      <form class="form" method="post" action={KEYS_PATH}>
        <CsrfField token={visit.csrfToken} />
        <div class="field">
          <label for="name">Name</label>
          <input id="name" name="name" maxlength={NAME_MOST} autocomplete="off" placeholder="Where it is used" />
        </div>
        <div class="field">
          <label for="days">Expires</label>
          <select id="days" name="days">
            {LIVES.map(([days, text]) => (
              <option value={days}>{text}</option>
            ))}
          </select>
        </div>
        <fieldset>
          <legend>It may</legend>
          {SCOPES.filter((scope) => visit.may(scope)).map((scope) => (
            <label class="choice">
              <input type="checkbox" name="scope" value={scope} checked />
              <span>
                {SCOPE_TEXT[scope]} <span class="soft">({scope})</span>
              </span>
            </label>
          ))}
        </fieldset>
        <button type="submit">Make the key</button>
      </form>
    </section>
  );
}

function rolledPage(c: HttpContext, visit: Visit, oldId: string, key: RolledKey): Response | Promise<Response> {
  const { oldExpiresAt } = key;
  const told = (
    <p>
      The old key <span class="id">{oldId}</span>{" "}
      {oldExpiresAt === null || oldExpiresAt <= Date.now() ? (
        "has ended."
      ) : (
        <>
          works on until <Instant at={oldExpiresAt} /> (<Countdown at={oldExpiresAt} />
          ). Put the new one everywhere before.
        </>
      )}
    </p>
  );
  return secretPage(c, visit, "Rolled key", key, told);
}

function secretPage(c: HttpContext, visit: Visit, title: string, key: NewKey, more: Child) {
  const children = (
    <>
      <h1>{title}</h1>
      <p class="lead">{key.name ?? "A key without a name"}</p>
      <div class="secret">
        <p>
          <strong>Copy it now: it is not shown again.</strong>
        </p>
        <CodeBlock id="secret" label="The new key" text={key.text} />
      </div>
      {more}
      <p>
        <a class="button" href={KEYS_PATH}>
          I have stored it
        </a>
      </p>
    </>
  );
  return page(c, { ...frameOf(visit, title, KEYS_PATH), children }, 201);
}
