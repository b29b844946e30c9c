import { Hono } from "hono";
import type { HttpContext, HttpEnv } from "../../http/context.ts";
import { type LedgerHealth, ledgerHealth } from "../../ledger/pipeline.ts";
import { type LedgerDifference, type Reconciliation, recentReconciliations } from "../../ledger/reconciliations.ts";
import { countText } from "../amounts.tsx";
import { TextField, textOf } from "../fields.tsx";
import type { RefusalStatus } from "../gateway-api.ts";
import { Instant } from "../instants.tsx";
import type { Notice } from "../layout.tsx";
import { type Column, Table } from "../tables.tsx";
import { WireInstant } from "../wire-text.tsx";
import { accountPath } from "./accounts.tsx";
import type { AdminApi } from "./api.ts";
import { FoldedForm, reasonOf } from "./fields.tsx";
import { BASE, consolePage } from "./frame.tsx";
import { type Operator, operatorOf, readOperatorForm } from "./operator.ts";

const PATH = `${BASE}/ledger`;
const RESULTS_SHOWN = 20;

/** How the ledger follows the accounts' objects, whether it adds up, and checking it now. */
export function ledgerPages(api: AdminApi): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/ledger", async (c) => ledgerPage(c, await operatorOf(c)));
  routes.post("/ledger/reconcile", async (c) => {
    const operator = await operatorOf(c);
    const form = await readOperatorForm(c, operator);
    const body = { account: textOf(form, "account") };
    const act = { method: "POST", path: "/reconciliations", body, reason: reasonOf(form) } as const;
    const outcome = await api.act(c, operator, act);
    if (outcome.done) return c.redirect(`${PATH}?done=reconciled`, 303);
    return ledgerPage(c, operator, { tone: "wrong", text: outcome.text }, outcome.status);
  });
  return routes;
}

async function ledgerPage(
  c: HttpContext,
  operator: Operator,
  notice: Notice | null = null,
  status: 200 | RefusalStatus = 200,
): Promise<Response> {
  const [health, results] = await Promise.all([ledgerHealth(c.env.DB), recentReconciliations(c.env.DB, RESULTS_SHOWN)]);
  const [latest] = results;
  const children = (
    <>
      <h1>Ledger</h1>
      <Health health={health} />
      <section aria-labelledby="differences">
        <h2 id="differences">What does not add up</h2>
        {latest ? <Differences latest={latest} /> : <p class="nothing">Nothing was checked yet.</p>}
      </section>
      <section aria-labelledby="results">
        <h2 id="results">Reconciliations</h2>
        <Table columns={RESULT_COLUMNS} rows={results} nothing="Nothing was checked yet." />
        <FoldedForm
          operator={operator}
          action={`${PATH}/reconcile`}
          id="reconcile"
          summary="Check now"
          label="Check every entry"
        >
          <TextField
            id="reconcile-account"
            name="account"
            label="Account"
            hint="All accounts, when it is left empty. An account whose ledger does not add up is frozen."
          />
        </FoldedForm>
      </section>
    </>
  );
  return consolePage(c, operator, { title: "Ledger", current: PATH, notice, status, children });
}

function Health({ health: { newestUpdateAt, quarantined, lastReconciliation } }: { health: LedgerHealth }) {
  const pending = lastReconciliation?.pending;
  const well = quarantined === 0 && (lastReconciliation?.difference_count ?? 0) === 0;
  return (
    <>
      <p>{well ? <span class="tag good">healthy</span> : <span class="tag wrong">needs attention</span>}</p>
      <dl class="facts">
        <dt>Newest entry</dt>
        <dd>{newestUpdateAt === null ? "none yet" : <Instant at={newestUpdateAt} />}</dd>
        <dt>In quarantine</dt>
        <dd>{quarantined === 0 ? "nothing" : <a href={`${BASE}/quarantine`}>{countText(quarantined)} messages</a>}</dd>
        <dt>On their way at the last check</dt>
        <dd>{pending ? `${countText(pending.outbox)} entr${pending.outbox === 1 ? "y" : "ies"}` : "—"}</dd>
        <dt>Reservations at the last check</dt>
        <dd>
          {pending ? `${countText(pending.reservations)} pending, ${countText(pending.stale_reservations)} stale` : "—"}
        </dd>
      </dl>
    </>
  );
}

function Differences({
  latest: { differences, difference_count, unchecked, unchecked_count },
}: {
  latest: Reconciliation;
}) {
  return (
    <>
      {difference_count > differences.length ? (
        <p>
          The first {differences.length} of {countText(difference_count)}.
        </p>
      ) : null}
      <Table columns={DIFFERENCE_COLUMNS} rows={differences} nothing="The last check found no difference." />
      {unchecked.length === 0 ? null : (
        <Table
          columns={UNCHECKED_COLUMNS}
          rows={unchecked}
          nothing=""
          caption={`Accounts that could not be checked: ${countText(unchecked_count)}`}
        />
      )}
    </>
  );
}

function AccountLink({ id }: { id: string }) {
  return (
    <a class="id" href={accountPath(id)}>
      {id}
    </a>
  );
}

const DIFFERENCE_COLUMNS: readonly Column<LedgerDifference>[] = [
  { label: "Account", show: ({ account }) => <AccountLink id={account} /> },
  { label: "Entry", number: true, show: ({ seq }) => (seq === 0 ? "—" : countText(seq)) },
  { label: "Rule", show: ({ rule }) => <span class="tag wrong">{rule}</span> },
  { label: "What", show: ({ subject }) => subject },
  { label: "Expected", show: ({ expected }) => <span class="id">{expected}</span> },
  { label: "Found", show: ({ found }) => <span class="id">{found}</span> },
];

const UNCHECKED_COLUMNS: readonly Column<Reconciliation["unchecked"][number]>[] = [
  { label: "Account", show: ({ account }) => <AccountLink id={account} /> },
  { label: "Why", show: ({ reason }) => reason },
];

const RESULT_COLUMNS: readonly Column<Reconciliation>[] = [
  { label: "Finished", show: ({ finished_at }) => <WireInstant at={finished_at} /> },
  { label: "Of", show: ({ account }) => (account === null ? "all" : <AccountLink id={account} />) },
  { label: "Accounts", number: true, show: ({ checked }) => countText(checked.accounts) },
  { label: "Entries", number: true, show: ({ checked }) => countText(checked.events) },
  {
    label: "Differences",
    number: true,
    show: ({ difference_count }) =>
      difference_count === 0 ? "none" : <span class="tag wrong">{countText(difference_count)}</span>,
  },
  { label: "Unchecked", number: true, show: ({ unchecked_count }) => countText(unchecked_count) },
];
