import type { Child } from "hono/jsx";
import type { HttpContext } from "../../http/context.ts";
import { wordIn } from "../../http/query.ts";
import type { RefusalStatus } from "../gateway-api.ts";
import type { Notice } from "../layout.tsx";
import type { Place } from "../navigation.ts";
import { page } from "../page.tsx";
import type { Operator } from "./operator.ts";

export const BASE = "/dashboard/admin";

/** The pages of operators, in the order of the navigation. */
const OPERATOR_PLACES: readonly Place[] = [
  { path: BASE, label: "Accounts" },
  { path: `${BASE}/plans`, label: "Plans" },
  { path: `${BASE}/rate-cards`, label: "Prices" },
  { path: `${BASE}/upstreams`, label: "Upstreams" },
  { path: `${BASE}/reservations`, label: "Reservations" },
  { path: `${BASE}/payments`, label: "Payments" },
  { path: `${BASE}/ledger`, label: "Ledger" },
  { path: `${BASE}/quarantine`, label: "Quarantine" },
  { path: `${BASE}/totals`, label: "Totals" },
  { path: `${BASE}/log`, label: "Log" },
];

export interface ConsolePage {
  readonly title: string;
  /** The path of the place that it belongs to. */
  readonly current: string;
  readonly notice?: Notice | null;
  readonly status?: 200 | RefusalStatus;
  readonly children: Child;
}

/** Answers with a page of the console. */
export function consolePage(c: HttpContext, operator: Operator, shown: ConsolePage): Response | Promise<Response> {
  const { title, current, notice = null, status = 200, children } = shown;
  return page(
    c,
    {
      title: `${title} · Operators`,
      current,
      places: OPERATOR_PLACES,
      house: "Operators",
      presence: {
        name: operator.name,
        detail: "operator",
        signOutPath: `${BASE}/sign-out`,
        csrfToken: operator.csrfToken,
      },
      notice: notice ?? doneNotice(c),
      children,
    },
    status,
  );
}

/** What a form has done is told by the page that it leads back to; only these words can be. */
const DONE: Readonly<Record<string, string>> = {
  created: "The account was created.",
  granted: "The credits were granted.",
  voided: "The grant was voided.",
  refunded: "The credits were given back.",
  suspended: "The account is suspended.",
  active: "The account is active again.",
  moved: "The account has the plan now.",
  revoked: "The key was revoked.",
  ended: "The request was ended by hand.",
  saved: "Saved.",
  unchanged: "Nothing was different, so nothing was saved.",
  deleted: "The upstream was deleted.",
  redriven: "The message was sent again. It leaves the quarantine when the ledger has taken it.",
  followed: "It could be followed this time.",
  dismissed: "It is dismissed: nothing more is done about it.",
  reconciled: "The ledger was checked.",
};

function doneNotice(c: HttpContext): Notice | null {
  const text = wordIn(c, "done", DONE);
  return text === null ? null : { tone: "done", text };
}
