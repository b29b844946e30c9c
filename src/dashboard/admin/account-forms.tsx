import { nanoid } from "nanoid";
import { SelectField, TextField } from "../fields.tsx";
import type { SeenAccount } from "./account-frame.tsx";
import { accountPath } from "./accounts.tsx";
import { FoldedForm } from "./fields.tsx";

const KINDS = ["promotional", "paid", "adjustment", "entitlement"] as const;

/** What an operator does to an account as a whole. */
export function AccountForms({
  seen,
  plans,
}: {
  seen: SeenAccount;
  plans: readonly { readonly id: string; readonly name: string }[];
}) {
  const { operator, account } = seen;
  const path = accountPath(seen.id);
  return (
    <>
      <FoldedForm operator={operator} action={`${path}/grants`} id="grant" summary="Grant credits" label="Grant">
        <OrderField />
        <TextField id="grant-amount" name="amount" label="Credits" required placeholder="25" />
        <SelectField id="grant-kind" name="kind" label="Kind" options={KINDS.map((kind) => [kind, kind] as const)} />
        <TextField
          id="grant-expires"
          name="expires_at"
          label="Expires (UTC)"
          type="datetime-local"
          hint="Never, when it is left empty."
        />
        <TextField
          id="grant-priority"
          name="priority"
          label="Priority"
          hint="Smaller burns first; 50 when it is left empty."
        />
      </FoldedForm>
      <RefundForm seen={seen} />
      <FoldedForm
        operator={operator}
        action={`${path}/plan`}
        id="plan"
        summary="Change the plan"
        label="Change the plan"
      >
        <SelectField
          id="plan-plan"
          name="plan"
          label="Plan"
          value={account.plan.id}
          options={plans.map((plan) => [plan.id, `${plan.name} (${plan.id})`] as const)}
        />
      </FoldedForm>
      {account.status === "suspended" ? null : (
        <FoldedForm
          operator={operator}
          action={`${path}/suspend`}
          id="suspend"
          summary="Suspend the account"
          label="Suspend"
          grave
        />
      )}
      {account.status === "active" ? null : (
        <FoldedForm
          operator={operator}
          action={`${path}/activate`}
          id="activate"
          summary={account.status === "frozen" ? "Unfreeze the account" : "Open the account again"}
          label={account.status === "frozen" ? "Unfreeze" : "Open again"}
        />
      )}
    </>
  );
}

/** Gives credits of a request back: of the one that is shown, or of one whose id is asked for. */
export function RefundForm({ seen: { operator, id }, requestId }: { seen: SeenAccount; requestId?: string }) {
  return (
    <FoldedForm
      operator={operator}
      action={`${accountPath(id)}/refunds`}
      id="refund"
      summary={requestId === undefined ? "Refund a request" : "Refund this request"}
      label="Give back"
    >
      <OrderField />
      {requestId === undefined ? (
        <TextField id="refund-request" name="request_id" label="Request id" required placeholder="req_…" />
      ) : (
        <input type="hidden" name="request_id" value={requestId} />
      )}
      <TextField
        id="refund-amount"
        name="amount"
        label="Credits"
        hint="All that grants paid for it, when it is left empty."
      />
    </FoldedForm>
  );
}

/** The same form that is sent twice counts once. */
function OrderField() {
  return <input type="hidden" name="order" value={nanoid()} />;
}
