import { Hono } from "hono";
import type { HttpContext, HttpEnv } from "../../http/context.ts";
import { invalidCursor, pageOf } from "../../http/query.ts";
import { listQuarantine, type QuarantinedMessage } from "../../ledger/quarantine.ts";
import type { RefusalStatus } from "../gateway-api.ts";
import { Instant } from "../instants.tsx";
import type { Notice } from "../layout.tsx";
import { Paging } from "../paging.tsx";
import { type Column, Table } from "../tables.tsx";
import type { AdminApi } from "./api.ts";
import { FoldedForm, reasonOf } from "./fields.tsx";
import { BASE, consolePage } from "./frame.tsx";
import { type Operator, operatorOf, readOperatorForm } from "./operator.ts";

const PATH = `${BASE}/quarantine`;
/** Bodies may be large; whoever needs more of one reads it by the API. */
const BODY_SHOWN = 4_000;

/** What the ledger could not take, and sending it again. */
export function quarantinePages(api: AdminApi): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/quarantine", async (c) => quarantinePage(c, await operatorOf(c)));
  routes.post("/quarantine/:id/redrive", async (c) => {
    const operator = await operatorOf(c);
    const reason = reasonOf(await readOperatorForm(c, operator));
    const path = `/quarantine/${encodeURIComponent(c.req.param("id") ?? "")}/redrive`;
    const outcome = await api.act(c, operator, { method: "POST", path, reason });
    if (outcome.done) return c.redirect(`${PATH}?done=redriven`, 303);
    return quarantinePage(c, operator, { tone: "wrong", text: outcome.text }, outcome.status);
  });
  return routes;
}

async function quarantinePage(
  c: HttpContext,
  operator: Operator,
  notice: Notice | null = null,
  status: 200 | RefusalStatus = 200,
): Promise<Response> {
  const { limit, cursor } = pageOf(c);
  const page = await listQuarantine(c.env.DB, { limit, cursor });
  if (!page) throw invalidCursor();
  const children = (
    <>
      <h1>Quarantine</h1>
      <p class="lead">
        Messages that the ledger could not take. They delay nobody; their account's outbox keeps them until they are in
        the ledger.
      </p>
      <Table columns={columnsOf(operator)} rows={page.data} nothing="The quarantine is empty." />
      <Paging path={PATH} query={{}} cursor={cursor} next={page.nextCursor} />
    </>
  );
  return consolePage(c, operator, { title: "Quarantine", current: PATH, notice, status, children });
}

function columnsOf(operator: Operator): Column<QuarantinedMessage>[] {
  return [
    { label: "Message", show: ({ id }) => <span class="id">{id}</span> },
    { label: "Account", show: ({ accountId }) => (accountId === null ? "—" : <span class="id">{accountId}</span>) },
    { label: "Why", show: ({ reason }) => reason },
    { label: "First seen", show: ({ firstSeenAt }) => <Instant at={firstSeenAt} /> },
    { label: "Came", number: true, show: ({ count }) => `${count} ×` },
    { label: "Content", show: ({ body }) => <Content body={body} /> },
    { label: "By hand", show: (message) => <Redrive operator={operator} message={message} /> },
  ];
}

function Content({ body }: { body: string }) {
  const cut = body.length > BODY_SHOWN;
  return (
    <details>
      <summary>Show</summary>
      <pre tabindex={0}>{cut ? `${body.slice(0, BODY_SHOWN)}… (${body.length} characters)` : body}</pre>
    </details>
  );
}

function Redrive({ operator, message: { id, redrivenAt } }: { operator: Operator; message: QuarantinedMessage }) {
  return (
    <>
      {redrivenAt === null ? null : (
        <p class="small soft">
          sent again <Instant at={redrivenAt} />
        </p>
      )}
      <FoldedForm
        operator={operator}
        action={`${PATH}/${id}/redrive`}
        id={`redrive-${id}`}
        summary="Send again"
        label="Send again"
      />
    </>
  );
}
