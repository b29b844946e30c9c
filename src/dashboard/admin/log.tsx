import { ADMIN_LOG_CURSOR, listAdminLog } from "../../catalog/admin-log.ts";
import type { HttpContext } from "../../http/context.ts";
import { pageOf } from "../../http/query.ts";
import { Paging } from "../paging.tsx";
import { AccountFilter } from "./account-filter.tsx";
import { BASE, consolePage } from "./frame.tsx";
import { LogTable } from "./log-table.tsx";
import { operatorOf } from "./operator.ts";

const PATH = `${BASE}/log`;

/** The log of everything that operators did, by the console or by the API. */
export async function logPage(c: HttpContext): Promise<Response> {
  const operator = await operatorOf(c);
  const { limit, cursor } = pageOf(c, ADMIN_LOG_CURSOR);
  const account = c.req.query("account")?.trim() || null;
  const log = await listAdminLog(c.env.DB, { account, limit, cursor });
  const children = (
    <>
      <h1>Log</h1>
      <p class="lead">Everything that operators did, here or by the API. Nothing in it can be changed.</p>
      <AccountFilter path={PATH} account={account} />
      <LogTable entries={log.data} withAccount />
      <Paging path={PATH} query={account === null ? {} : { account }} cursor={cursor} next={log.next_cursor} />
    </>
  );
  return consolePage(c, operator, { title: "Log", current: PATH, children });
}
