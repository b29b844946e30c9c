import { Hono } from "hono";
import { SCOPES } from "../../core/scope.ts";
import type { HttpContext, HttpEnv } from "../../http/context.ts";
import { TextField, textOf } from "../fields.tsx";
import type { RefusalStatus } from "../gateway-api.ts";
import { Instant } from "../instants.tsx";
import type { Notice } from "../layout.tsx";
import { type Column, Table } from "../tables.tsx";
import { accountPage, type SeenAccount, seenAccount } from "./account-frame.tsx";
import { accountPath } from "./accounts.tsx";
import type { AdminApi } from "./api.ts";
import { FoldedForm, reasonOf } from "./fields.tsx";
import { type Operator, readOperatorForm } from "./operator.ts";

/** The keys of an account. A new one is shown once, to the operator who made it. */
export function accountKeysPages(api: AdminApi): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/accounts/:id/keys", async (c) => keysPage(c, await seenAccount(c)));
  routes.post("/accounts/:id/keys", (c) => create(c, api));
  routes.post("/accounts/:id/keys/:key/revoke", (c) => revoke(c, api));
  return routes;
}

async function create(c: HttpContext, api: AdminApi): Promise<Response> {
  const seen = await seenAccount(c);
  const form = await readOperatorForm(c, seen.operator);
  const reason = reasonOf(form);
  const scopes = form.getAll("scope");
  // The API takes a key without scopes for one that may do everything.
  if (scopes.length === 0) return keysPage(c, seen, NO_SCOPE, 400);
  const outcome = await api.act<{ key: string }>(c, seen.operator, {
    method: "POST",
    path: `/accounts/${encodeURIComponent(seen.id)}/keys`,
    body: { name: textOf(form, "name"), scopes },
    reason,
  });
  if (!outcome.done) return keysPage(c, seen, { tone: "wrong", text: outcome.text }, outcome.status);
  return keysPage(c, seen, null, 200, outcome.body.key);
}

const NO_SCOPE: Notice = { tone: "wrong", text: "Choose at least one thing that the key is good for." };

async function revoke(c: HttpContext, api: AdminApi): Promise<Response> {
  const seen = await seenAccount(c);
  const form = await readOperatorForm(c, seen.operator);
  const outcome = await api.act(c, seen.operator, {
    method: "DELETE",
    path: `/accounts/${encodeURIComponent(seen.id)}/keys/${encodeURIComponent(c.req.param("key") ?? "")}`,
    reason: reasonOf(form),
  });
  if (outcome.done) return c.redirect(`${accountPath(seen.id)}/keys?done=revoked`, 303);
  return keysPage(c, seen, { tone: "wrong", text: outcome.text }, outcome.status);
}

type Key = Awaited<ReturnType<HttpContext["var"]["services"]["accounts"]["keys"]>>[number];

async function keysPage(
  c: HttpContext,
  seen: SeenAccount,
  notice: Notice | null = null,
  status: 200 | RefusalStatus = 200,
  made: string | null = null,
): Promise<Response> {
  const keys = await c.var.services.accounts.keys(seen.id);
  return accountPage(c, seen, {
    title: "Keys",
    tab: "/keys",
    notice,
    status,
    children: (
      <>
        <h2>Keys</h2>
        {made === null ? null : <Made text={made} />}
        <Table columns={columnsOf(seen.operator, seen.id)} rows={keys} nothing="The account has no keys." />
        <FoldedForm
          operator={seen.operator}
          action={`${accountPath(seen.id)}/keys`}
          id="key"
          summary="Create a key"
          label="Create"
        >
          <TextField id="key-name" name="name" label="Name" />
          <fieldset>
            <legend>Good for</legend>
            {SCOPES.map((scope) => (
              <div class="choice">
                <input id={`key-${scope}`} name="scope" type="checkbox" value={scope} checked />
                <label for={`key-${scope}`}>{scope}</label>
              </div>
            ))}
          </fieldset>
        </FoldedForm>
      </>
    ),
  });
}

function Made({ text }: { text: string }) {
  return (
    <section class="secret" aria-labelledby="made">
      <h3 id="made">The new key</h3>
      <p>It is shown this once. Hand it to its owner in a way that nobody else reads.</p>
      <pre id="made-key">{text}</pre>
      <button type="button" class="quiet" data-copy="made-key" hidden>
        Copy
      </button>
    </section>
  );
}

function columnsOf(operator: Operator, accountId: string): Column<Key>[] {
  return [
    { label: "Key", show: ({ id }) => <span class="id">{id}</span> },
    { label: "Name", show: ({ name }) => name ?? "—" },
    { label: "Good for", show: ({ scopes }) => scopes?.join(", ") ?? "everything" },
    { label: "Created", show: ({ createdAt }) => <Instant at={createdAt} /> },
    { label: "Ends", show: ({ expiresAt }) => (expiresAt === null ? "never" : <Instant at={expiresAt} />) },
    { label: "By hand", show: (key) => <Revoke operator={operator} accountId={accountId} of={key} /> },
  ];
}

function Revoke({ operator, accountId, of: key }: { operator: Operator; accountId: string; of: Key }) {
  if (key.revokedAt !== null) return <span class="tag wrong">revoked</span>;
  return (
    <FoldedForm
      operator={operator}
      action={`${accountPath(accountId)}/keys/${key.id}/revoke`}
      id={`revoke-${key.id}`}
      summary="Revoke"
      label="Revoke the key"
      grave
    />
  );
}
