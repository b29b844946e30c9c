import { listPlans } from "../../catalog/list.ts";
import type { GrantView } from "../../core/account-view.ts";
import { remaining } from "../../core/grant.ts";
import type { HttpContext } from "../../http/context.ts";
import { pendingWire } from "../../wire/reservation.ts";
import { AccountFigures } from "../account-figures.tsx";
import { creditsText } from "../amounts.tsx";
import type { RefusalStatus } from "../gateway-api.ts";
import { Instant } from "../instants.tsx";
import type { Notice } from "../layout.tsx";
import { Allowances, Gates } from "../limits.tsx";
import { readableReason } from "../source-names.ts";
import { type Column, ShortId, Table } from "../tables.tsx";
import { AccountForms } from "./account-forms.tsx";
import { accountPage, type SeenAccount } from "./account-frame.tsx";
import { accountPath } from "./accounts.tsx";
import { FoldedForm } from "./fields.tsx";
import type { Operator } from "./operator.ts";
import { ReservationTable } from "./reservation-table.tsx";

/** What an account has, holds and may, and what can be done to it. */
export async function accountOverview(
  c: HttpContext,
  seen: SeenAccount,
  notice: Notice | null = null,
  status: 200 | RefusalStatus = 200,
): Promise<Response> {
  const { account, id, operator } = seen;
  const now = Date.now();
  const [pending, plans] = await Promise.all([
    c.var.services.accounts.pending(id),
    listPlans(c.env.DB, { limit: 500, cursor: null }),
  ]);
  const { limits } = account;
  return accountPage(c, seen, {
    title: "Overview",
    tab: "",
    notice,
    status,
    children: (
      <>
        <Standing seen={seen} />
        <AccountFigures credits={limits.credits} />
        <Facts seen={seen} />
        <section aria-labelledby="included">
          <h2 id="included">Included use</h2>
          {limits.allowances.length === 0 ? (
            <p class="nothing">The plan includes no use.</p>
          ) : (
            <Allowances allowances={limits.allowances} now={now} />
          )}
        </section>
        <section aria-labelledby="grants">
          <h2 id="grants">Grants, in the order in which they burn</h2>
          <Table columns={grantColumns(operator, id)} rows={account.grants} nothing="No grant has anything left." />
        </section>
        <section aria-labelledby="in-flight">
          <h2 id="in-flight">In flight</h2>
          <ReservationTable
            operator={operator}
            pending={pending.map((one) => pendingWire(id, one, now))}
            withAccount={false}
          />
        </section>
        <section aria-labelledby="gates">
          <h2 id="gates">Gates</h2>
          {limits.gates.length === 0 ? <p class="nothing">The plan has none.</p> : <Gates gates={limits.gates} />}
        </section>
        <section aria-labelledby="acts">
          <h2 id="acts">Change the account</h2>
          <AccountForms seen={seen} plans={plans.data} />
        </section>
      </>
    ),
  });
}

/** Said only where the account is not as usual. */
function Standing({ seen: { account } }: { seen: SeenAccount }) {
  if (account.status === "active") return null;
  const what =
    account.status === "suspended"
      ? "Suspended: requests are refused."
      : "Frozen: included use goes on, paid use waits until a person has looked.";
  return (
    <div class="notice wrong" role="status">
      {what} {account.statusReason === null ? null : <>Reason: {account.statusReason}</>}
    </div>
  );
}

function Facts({ seen: { account, createdAt } }: { seen: SeenAccount }) {
  const { plan, statusReason, status, seq } = account;
  return (
    <dl class="facts">
      <dt>Plan</dt>
      <dd>
        {plan.name} ({plan.id}), version {plan.version}
      </dd>
      <dt>Created</dt>
      <dd>
        <Instant at={createdAt} />
      </dd>
      <dt>Journal</dt>
      <dd>{seq === 0 ? "nothing yet" : `up to entry ${seq}`}</dd>
      {status === "active" && statusReason !== null ? (
        <>
          <dt>Last change of status</dt>
          <dd>{statusReason}</dd>
        </>
      ) : null}
    </dl>
  );
}

function grantColumns(operator: Operator, accountId: string): Column<GrantView>[] {
  return [
    { label: "Grant", show: ({ id }) => <ShortId id={id} /> },
    { label: "Kind", show: ({ kind }) => <span class="tag">{kind}</span> },
    { label: "Reason", show: ({ reason }) => readableReason(reason) },
    { label: "Granted", number: true, show: ({ amount }) => creditsText(amount) },
    { label: "Left", number: true, show: (grant) => creditsText(remaining(grant) - grant.reserved) },
    { label: "Reserved", number: true, show: ({ reserved }) => creditsText(reserved) },
    { label: "Expires", show: ({ expiresAt }) => (expiresAt === null ? "never" : <Instant at={expiresAt} />) },
    {
      label: "By hand",
      show: ({ id, voidedAt }) =>
        voidedAt === null ? (
          <FoldedForm
            operator={operator}
            action={`${accountPath(accountId)}/grants/${id}/void`}
            id={`void-${id}`}
            summary="Void"
            label="Void the grant"
            grave
          />
        ) : (
          <span class="tag wrong">voided</span>
        ),
    },
  ];
}
