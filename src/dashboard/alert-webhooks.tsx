import { CodeBlock } from "./code-block.tsx";
import { TextField, textOf } from "./fields.tsx";
import { CsrfField } from "./layout.tsx";
import { type Column, Table } from "./tables.tsx";
import type { Visit } from "./visit.ts";
import { WireInstant } from "./wire-text.tsx";

/** Where alerts are sent, as the API tells it. */
export interface WebhookWire {
  readonly id: string;
  readonly url: string;
  readonly rules: readonly string[] | null;
  readonly created_at: string;
  readonly old_secret_until: string | null;
  readonly disabled_at: string | null;
}

/** What accounts can be told of, in words. */
const RULES = [
  ["window_used", "included use"],
  ["credits_low", "few credits left"],
  ["spend_rate", "much spending"],
  ["grant_expires", "credits that expire"],
  ["account_frozen", "stopped use"],
  ["top_up_succeeded", "automatic purchases"],
  ["top_up_failed", "automatic purchases that failed"],
] as const;

interface WebhooksProps {
  readonly webhooks: readonly WebhookWire[];
  readonly visit: Visit;
  readonly action: string;
  /** What was typed and refused. */
  readonly typed: URLSearchParams | null;
}

export function Webhooks({ webhooks, visit, action, typed }: WebhooksProps) {
  const mayChange = visit.may("manage");
  const columns = mayChange
    ? [...COLUMNS, { label: "Change", show: (one: WebhookWire) => <Changes of={one} visit={visit} action={action} /> }]
    : COLUMNS;
  return (
    <>
      <Table columns={columns} rows={webhooks} nothing="Alerts are sent nowhere; they are only shown here." />
      {mayChange ? (
        <details class="fold" open={typed !== null}>
          <summary>Add a webhook</summary>
          <NewWebhookForm visit={visit} action={action} typed={typed} />
        </details>
      ) : null}
    </>
  );
}

const COLUMNS: readonly Column<WebhookWire>[] = [
  { label: "Address", show: ({ url }) => <span class="id">{url}</span> },
  {
    label: "Is told of",
    show: ({ rules }) => (rules === null ? "everything" : rules.map(ruleName).join(", ")),
  },
  {
    label: "State",
    show: ({ disabled_at, old_secret_until, created_at }) => {
      if (disabled_at !== null) {
        return (
          <>
            <span class="tag wrong">off</span> it answered 410 Gone, <WireInstant at={disabled_at} />
          </>
        );
      }
      const signsTwice = old_secret_until !== null && Date.parse(old_secret_until) > Date.now();
      return (
        <>
          <span class="tag good">on</span>{" "}
          {signsTwice ? (
            <span class="small soft">
              the old secret signs as well until <WireInstant at={old_secret_until} />
            </span>
          ) : (
            <span class="small soft">
              since <WireInstant at={created_at} />
            </span>
          )}
        </>
      );
    },
  },
];

function ruleName(rule: string): string {
  return RULES.find(([known]) => known === rule)?.[1] ?? rule.replaceAll("_", " ");
}

function Changes({ of: { id, url }, visit, action }: { of: WebhookWire; visit: Visit; action: string }) {
  return (
    <div class="actions">
      <form method="post" action={`${action}/${id}/test`}>
        <CsrfField token={visit.csrfToken} />
        <button class="quiet" type="submit" aria-label={`Send a test to ${url}`}>
          Send a test
        </button>
      </form>
      <details class="action">
        <summary aria-label={`New secret for ${url}`}>New secret</summary>
        <form method="post" action={`${action}/${id}/rotate`}>
          <CsrfField token={visit.csrfToken} />
          <p>For a day both secrets sign, so that nothing is lost while you change over.</p>
          <button type="submit">Make the new secret</button>
        </form>
      </details>
      <details class="action">
        <summary aria-label={`Remove ${url}`}>Remove</summary>
        <form method="post" action={`${action}/${id}/remove`}>
          <CsrfField token={visit.csrfToken} />
          <p>What it was not sent yet is not sent any more.</p>
          <button class="grave" type="submit">
            Remove it now
          </button>
        </form>
      </details>
    </div>
  );
}

function NewWebhookForm({ visit, action, typed }: Omit<WebhooksProps, "webhooks">) {
  const chosen = typed?.getAll("rule") ?? RULES.map(([rule]) => rule as string);
  return (
    <form class="form" method="post" action={action}>
      <CsrfField token={visit.csrfToken} />
      <TextField
        id="url"
        name="url"
        type="url"
        label="Address"
        hint="https, public, on the usual port, without a query."
        placeholder="https://"
        required
        value={typed?.get("url") ?? ""}
      />
      <fieldset>
        <legend>It is told of</legend>
        {RULES.map(([rule, text]) => (
          <label class="choice">
            <input type="checkbox" name="rule" value={rule} checked={chosen.includes(rule)} />
            <span>{text}</span>
          </label>
        ))}
      </fieldset>
      <button type="submit">Add the webhook</button>
    </form>
  );
}

/** What a form says, for the API: all rules are everything, those to come included. */
export function newWebhookOf(form: URLSearchParams) {
  const rules = form.getAll("rule");
  return { url: textOf(form, "url"), rules: RULES.every(([rule]) => rules.includes(rule)) ? null : rules };
}

/** Shows a secret, this once. */
export function WebhookSecret({ url, secret, back }: { url: string; secret: string; back: string }) {
  return (
    <>
      <p class="lead">
        What is sent to <span class="id">{url}</span> is signed with it, as Standard Webhooks has it.
      </p>
      <div class="secret">
        <p>
          <strong>Copy it now: it is not shown again.</strong>
        </p>
        <CodeBlock id="secret" label="The secret" text={secret} />
      </div>
      <p>
        <a class="button" href={back}>
          I have stored it
        </a>
      </p>
    </>
  );
}
