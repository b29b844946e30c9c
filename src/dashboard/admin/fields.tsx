import type { Child } from "hono/jsx";
import { HttpFault } from "../../http/fault.ts";
import { Field, textOf } from "../fields.tsx";
import { CsrfField } from "../layout.tsx";
import type { Operator } from "./operator.ts";

const REASON_LENGTH = 500;

/** A form that changes something. It always asks why: the reason goes into the log. */
export function ActForm({
  operator,
  action,
  id,
  label,
  grave = false,
  children,
}: {
  operator: Operator;
  action: string;
  /** Unique on its page. */
  id: string;
  label: string;
  /** Whether it takes something away. */
  grave?: boolean;
  children?: Child;
}) {
  return (
    <form class="form" method="post" action={action}>
      <CsrfField token={operator.csrfToken} />
      {children}
      <Field id={`${id}-reason`} label="Reason" hint="Kept in the log, with your name.">
        <input
          id={`${id}-reason`}
          name="reason"
          type="text"
          required
          maxlength={REASON_LENGTH}
          autocomplete="off"
          aria-describedby={`${id}-reason-hint`}
        />
      </Field>
      <button type="submit" class={grave ? "grave" : undefined}>
        {label}
      </button>
    </form>
  );
}

/** The same, folded away until it is wanted. */
export function FoldedForm(props: Parameters<typeof ActForm>[0] & { summary: string }) {
  const { summary, ...form } = props;
  return (
    <details class="fold">
      <summary>{summary}</summary>
      <ActForm {...form} />
    </details>
  );
}

/** Why a form was sent. Throws {@link HttpFault} when it does not say. */
export function reasonOf(form: URLSearchParams): string {
  const reason = textOf(form, "reason");
  if (reason === undefined) throw new HttpFault(400, "reason_required", "Say why: the reason is kept in the log.");
  return reason.slice(0, REASON_LENGTH);
}
