import type { Programs } from "./programs.ts";
import type { Books, Subject } from "./subject.ts";
import { type ReferenceAccount, type ReferenceOptions, ReferenceSystem } from "./system.ts";

export async function referenceSubject(programs: Programs, options: ReferenceOptions): Promise<Subject> {
  const system = await ReferenceSystem.start(programs, options);
  const cachesBalance = options.accounting === "check-then-debit";
  const books = (account: ReferenceAccount) => readBooks(system, account);
  return {
    name: options.accounting,
    port: system.port,
    books,
    async makeAccount(credits) {
      const [account] = await system.makeAccounts(1, credits);
      if (account === undefined) throw new Error("no account was made");
      return account;
    },
    async drift(account, granted) {
      const { charges, balance } = await books(account);
      const charged = charges.reduce((sum, { amount }) => sum + amount, 0);
      const inLedger = Math.abs(granted - charged - balance);
      return cachesBalance ? inLedger + Math.abs((await system.cachedBalance(account)) - balance) : inLedger;
    },
    crash: () => system.crash(),
    dispose: () => system.dispose(),
  };
}

async function readBooks({ postgres: { pool } }: ReferenceSystem, { id }: ReferenceAccount): Promise<Books> {
  const charges = await pool.query<{ request_id: string; amount: string }>(
    "SELECT request_id, amount FROM charges WHERE account = $1",
    [id],
  );
  const { rows } = await pool.query<{ balance: string; open: string }>(
    `SELECT balance, (SELECT count(*) FROM reservations WHERE account = $1 AND state = 'pending') AS open
     FROM balances WHERE account = $1`,
    [id],
  );
  return {
    charges: charges.rows.map(({ request_id, amount }) => ({ requestId: request_id, amount: Number(amount) })),
    balance: Number(rows[0]?.balance),
    open: Number(rows[0]?.open),
  };
}
