import { readAccount } from "../catalog/read.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";

export interface KnownAccount {
  readonly id: string;
  readonly name: string | null;
}

/** The account of the path. Ids that were never registered do not reach, and so do not make, an object. */
export async function existing(c: HttpContext): Promise<KnownAccount> {
  const account = await readAccount(c.env.DB, c.req.param("id") ?? "");
  if (!account) throw new HttpFault(404, "account_not_found", "There is no such account.");
  return account;
}
