import { Hono } from "hono";
import { listPlans } from "../../catalog/list.ts";
import type { HttpContext, HttpEnv } from "../../http/context.ts";
import type { ListedAccountWire } from "../../wire/listed-account.ts";
import { countText } from "../amounts.tsx";
import { SelectField, TextField, textOf } from "../fields.tsx";
import type { RefusalStatus } from "../gateway-api.ts";
import type { Notice } from "../layout.tsx";
import { Paging } from "../paging.tsx";
import { type Column, Table } from "../tables.tsx";
import { creditsOfWire, WireInstant } from "../wire-text.tsx";
import type { AdminApi } from "./api.ts";
import { FoldedForm, reasonOf } from "./fields.tsx";
import { BASE, consolePage } from "./frame.tsx";
import { type Operator, operatorOf, readOperatorForm } from "./operator.ts";

/** All accounts, by search and sort, and the making of a new one. */
export function accountsPages(api: AdminApi): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", async (c) => accountsPage(c, api, await operatorOf(c)));
  routes.post("/accounts", async (c) => {
    const operator = await operatorOf(c);
    const form = await readOperatorForm(c, operator);
    const body = { id: textOf(form, "id"), name: textOf(form, "name"), plan: textOf(form, "plan") ?? "" };
    const reason = reasonOf(form);
    const outcome = await api.act<{ id: string }>(c, operator, { method: "POST", path: "/accounts", body, reason });
    if (outcome.done) return c.redirect(`${accountPath(outcome.body.id)}?done=created`, 303);
    return accountsPage(c, api, operator, { tone: "wrong", text: outcome.text }, outcome.status);
  });
  return routes;
}

export function accountPath(id: string): string {
  return `${BASE}/accounts/${encodeURIComponent(id)}`;
}

const SORTS = [
  ["created_at", "Newest first"],
  ["name", "Name"],
  ["id", "Id"],
  ["balance", "Balance, largest first"],
] as const;

interface AccountList {
  readonly data: readonly ListedAccountWire[];
  readonly next_cursor: string | null;
}

async function accountsPage(
  c: HttpContext,
  api: AdminApi,
  operator: Operator,
  notice: Notice | null = null,
  status: 200 | RefusalStatus = 200,
): Promise<Response> {
  const search = c.req.query("search")?.trim() ?? "";
  const sort = SORTS.find(([name]) => name === c.req.query("sort"))?.[0] ?? "created_at";
  const cursor = c.req.query("cursor") ?? null;
  const query = { ...(search === "" ? {} : { search }), ...(sort === "created_at" ? {} : { sort }) };
  const asked = { ...query, ...(cursor === null ? {} : { cursor }) };
  const [list, plans] = await Promise.all([
    api.get<AccountList>(c, operator, "/accounts", asked),
    listPlans(c.env.DB, { limit: 500, cursor: null }),
  ]);
  return consolePage(c, operator, {
    title: "Accounts",
    current: BASE,
    notice,
    status,
    children: (
      <>
        <h1>Accounts</h1>
        <search>
          <form class="row" method="get" action={BASE}>
            <div class="grow">
              <TextField id="search" name="search" label="Id or name" type="search" value={search} />
            </div>
            <SelectField id="sort" name="sort" label="Sort by" options={SORTS} value={sort} />
            <button type="submit" class="quiet">
              Search
            </button>
          </form>
        </search>
        <Table columns={COLUMNS} rows={list.data} nothing="No account is found." />
        <Paging
          path={BASE}
          query={query}
          cursor={cursor}
          next={list.next_cursor}
          words={{ first: "First page", next: "Next page" }}
        />
        <section aria-labelledby="new">
          <h2 id="new">A new account</h2>
          <FoldedForm
            operator={operator}
            action={`${BASE}/accounts`}
            id="create"
            summary="Create an account"
            label="Create"
          >
            <TextField id="create-id" name="id" label="Id" hint="Made up when it is left empty." />
            <TextField id="create-name" name="name" label="Name" />
            <SelectField
              id="create-plan"
              name="plan"
              label="Plan"
              options={plans.data.map(({ id, name }) => [id, `${name} (${id})`] as const)}
            />
          </FoldedForm>
        </section>
      </>
    ),
  });
}

const COLUMNS: readonly Column<ListedAccountWire>[] = [
  {
    label: "Account",
    show: ({ id }) => (
      <a class="id" href={accountPath(id)}>
        {id}
      </a>
    ),
  },
  { label: "Name", show: ({ name }) => name ?? "—" },
  { label: "Balance", number: true, show: ({ balance }) => creditsOfWire(balance) },
  { label: "Entries", number: true, show: ({ entries }) => countText(entries) },
  { label: "Last entry", show: ({ last_entry_at }) => <WireInstant at={last_entry_at} /> },
  { label: "Created", show: ({ created_at }) => <WireInstant at={created_at} /> },
];
