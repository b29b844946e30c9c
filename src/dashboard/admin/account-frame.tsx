import type { Child } from "hono/jsx";
import type { AccountReply } from "../../../durable-objects/commands.ts";
import { readAccount } from "../../catalog/read.ts";
import type { HttpContext } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import type { RefusalStatus } from "../gateway-api.ts";
import type { Notice } from "../layout.tsx";
import { accountPath } from "./accounts.tsx";
import { BASE, consolePage } from "./frame.tsx";
import { type Operator, operatorOf } from "./operator.ts";

/** An account that an operator looks at. */
export interface SeenAccount {
  readonly operator: Operator;
  readonly id: string;
  readonly name: string | null;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly account: AccountReply;
}

/** The account of the path. Throws {@link HttpFault}. */
export async function seenAccount(c: HttpContext): Promise<SeenAccount> {
  const operator = await operatorOf(c);
  const known = await readAccount(c.env.DB, c.req.param("id") ?? "");
  if (!known) throw new HttpFault(404, "account_not_found", "There is no such account.");
  const account = await c.var.services.accounts.describe(known.id);
  if (!account) {
    throw new HttpFault(409, "account_incomplete", "The account was not created to its end; create it again.");
  }
  return { operator, ...known, account };
}

const TABS = [
  ["", "Overview"],
  ["/usage", "Usage"],
  ["/requests", "Requests"],
  ["/ledger", "Ledger"],
  ["/keys", "Keys"],
  ["/payments", "Payments"],
  ["/alerts", "Alerts"],
  ["/log", "Log"],
] as const;

export interface AccountPage {
  readonly title: string;
  readonly tab: (typeof TABS)[number][0];
  readonly notice?: Notice | null;
  readonly status?: 200 | RefusalStatus;
  readonly children: Child;
}

/** Answers with a page about an account. */
export function accountPage(c: HttpContext, seen: SeenAccount, shown: AccountPage): Response | Promise<Response> {
  const { title, tab, children, ...more } = shown;
  const path = accountPath(seen.id);
  return consolePage(c, seen.operator, {
    title: `${title} of ${seen.id}`,
    current: BASE,
    ...more,
    children: (
      <>
        <p class="small">
          <a href={BASE}>Accounts</a>
        </p>
        <div class="headline">
          <h1 class="id">{seen.id}</h1>
          <p>
            {seen.name === null ? null : `${seen.name} · `}
            {seen.account.plan.name} plan <StatusTag status={seen.account.status} />
          </p>
        </div>
        <nav class="tabs" aria-label="Pages of the account">
          {TABS.map(([ending, label]) => (
            <a href={`${path}${ending}`} aria-current={ending === tab ? "page" : undefined}>
              {label}
            </a>
          ))}
        </nav>
        {children}
      </>
    ),
  });
}

const TONES: Readonly<Record<AccountReply["status"], string>> = { active: "good", suspended: "held", frozen: "wrong" };

function StatusTag({ status }: { status: AccountReply["status"] }) {
  return <span class={`tag ${TONES[status]}`}>{status}</span>;
}
