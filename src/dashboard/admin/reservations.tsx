import type { HttpContext } from "../../http/context.ts";
import type { PendingWire } from "../../wire/reservation.ts";
import { Paging } from "../paging.tsx";
import { AccountFilter } from "./account-filter.tsx";
import type { AdminApi } from "./api.ts";
import { BASE, consolePage } from "./frame.tsx";
import { operatorOf } from "./operator.ts";
import { ReservationTable } from "./reservation-table.tsx";

const PATH = `${BASE}/reservations`;

/** What requests hold at this moment, of all accounts. Each account's object is asked, so a page shows some accounts'. */
export async function reservationsPage(c: HttpContext, api: AdminApi): Promise<Response> {
  const operator = await operatorOf(c);
  const cursor = c.req.query("cursor") ?? null;
  const account = c.req.query("account")?.trim() || null;
  const list = await api.get<{ data: readonly PendingWire[]; next_cursor: string | null }>(
    c,
    operator,
    "/reservations",
    {
      state: "pending",
      limit: "500",
      ...(cursor === null ? {} : { cursor }),
      ...(account === null ? {} : { account }),
    },
  );
  const oldestFirst = [...list.data].sort((a, b) => b.age_seconds - a.age_seconds);
  const overdue = oldestFirst.filter((one) => one.overdue).length;
  const children = (
    <>
      <h1>Reservations</h1>
      <p class="lead">
        Requests in flight, and what they hold. Each ends by itself; one that is overdue may be ended by hand.
        {overdue === 0 ? "" : ` ${overdue} of these are overdue.`}
      </p>
      <AccountFilter path={PATH} account={account} />
      <ReservationTable operator={operator} pending={oldestFirst} withAccount />
      <Paging
        path={PATH}
        query={account === null ? {} : { account }}
        cursor={cursor}
        next={list.next_cursor}
        words={{ first: "First accounts", next: "Next accounts" }}
      />
    </>
  );
  return consolePage(c, operator, { title: "Reservations", current: PATH, children });
}
