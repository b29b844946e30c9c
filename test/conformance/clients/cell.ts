import { describe, inject, it } from "vitest";
import { AdminClient } from "../../../scripts/admin-client.ts";
import {
  type Customer,
  makeCustomer,
  micro,
  type Receipt,
  readOwn,
  readReceipt,
  until,
} from "../../system/customer.ts";
import type { Ask, Client, Door, Session, Turn } from "./client.ts";
import { MODEL } from "./offer.ts";
import { openTap, type Tap } from "./tap.ts";

export interface CellOptions {
  /** Default: `open`. */
  readonly plan?: string;
  /** Credits that the account has; by default 100 in the plan `open`, else none. */
  readonly credits?: string;
  readonly model?: string;
  /** Instead of the account's own. */
  readonly key?: string;
  /** Controls of the simulated upstream, as {@link openTap} takes them. */
  readonly simulate?: readonly string[];
}

/** What the tests look at in `GET /api/account`. */
interface Account {
  readonly as_of_seq: number;
  readonly credits: { readonly available: string; readonly reserved: string; readonly used: string };
  readonly allowances: readonly { readonly windows: readonly Window[] }[];
}

interface Window {
  readonly used: string;
  readonly reserved: string;
  readonly limit: string;
  readonly resets_at: string | null;
}

/** One entry of a list of the self-service API. */
interface Listed {
  readonly seq: number;
  readonly request_id: string | null;
}

/** One entry of the simulated upstream's journal. A frame of a WebSocket has the method `WS`. */
interface Asked {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, unknown>>;
}

const PATIENCE_MS = 20_000;

/** One cell of the table: a client in a situation, with an account of its own. */
export class Cell<Tested extends Client = Client> {
  readonly client: Tested;
  readonly tap: Tap;
  readonly door: Door;
  /** With a key for the tests alone: the client has one of its own. */
  readonly account: Customer;
  readonly #admin: AdminClient;
  readonly #keyId: string;
  readonly #sessions: { close(): Promise<void> }[] = [];

  private constructor(parts: {
    client: Tested;
    tap: Tap;
    door: Door;
    account: Customer;
    admin: AdminClient;
    keyId: string;
  }) {
    this.client = parts.client;
    this.tap = parts.tap;
    this.door = parts.door;
    this.account = parts.account;
    this.#admin = parts.admin;
    this.#keyId = parts.keyId;
  }

  static async make<Tested extends Client>(client: Tested, options: CellOptions): Promise<Cell<Tested>> {
    const { url, adminToken } = inject("underTest");
    const { plan = "open", credits, model = MODEL, simulate = ["pace=0"] } = options;
    const admin = new AdminClient(url, adminToken);
    const paid = credits ?? (plan === "open" ? "100" : undefined);
    const account = await makeCustomer(admin, { plan, ...(paid === undefined ? {} : { credits: paid }) });
    const minted = await admin.request("POST", `/admin/accounts/${account.id}/keys`, { body: {} });
    const { id: keyId, key: ownKey } = minted as { id: string; key: string };
    const tap = await openTap({ target: url, headers: { "x-cell": account.id }, simulate });
    const door = { baseUrl: `${tap.url}/v1`, key: options.key ?? ownKey, model };
    return new Cell({ client, tap, door, account, admin, keyId });
  }

  once(prompt: string, ask?: Ask): Promise<Turn> {
    return this.client.once(this.door, prompt, ask);
  }

  async open(): Promise<Session> {
    return this.keep(await this.client.open(this.door));
  }

  /** Closes it with the cell. */
  keep<Kept extends { close(): Promise<void> }>(session: Kept): Kept {
    this.#sessions.push(session);
    return session;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await session.close();
    await this.tap.close();
  }

  async addCredits(amount: string): Promise<void> {
    const body = { amount, kind: "paid", reason: "Credits that were bought meanwhile" };
    await this.#admin.request("POST", `/admin/accounts/${this.account.id}/grants`, { body, idempotencyKey: "more" });
  }

  /** Revokes the client's key. */
  async revokeKey(): Promise<void> {
    await this.#admin.request("DELETE", `/admin/accounts/${this.account.id}/keys/${this.#keyId}`);
  }

  readAccount(): Promise<Account> {
    return this.#read<Account>("/api/account");
  }

  /** The account, once nothing of it is reserved any more. */
  settled(): Promise<Account> {
    return until(`the end of what ${this.account.id} has reserved`, PATIENCE_MS, async () => {
      const account = await this.readAccount();
      return reservedIn(account) === 0 ? account : null;
    });
  }

  /** Waits until an answer is under way. */
  async underWay(): Promise<void> {
    await until("a reservation", PATIENCE_MS, async () => (reservedIn(await this.readAccount()) > 0 ? true : null), 20);
  }

  /** The receipts of all requests that were let through, oldest first, once the ledger has them. */
  async receipts(): Promise<Receipt[]> {
    const { as_of_seq: seq } = await this.settled();
    const requests = await until(`entry ${seq} of ${this.account.id} in the ledger`, PATIENCE_MS, async () => {
      const updates = await this.#list("/api/ledger?limit=1");
      const listed = await this.#list("/api/requests?limit=100");
      return [...updates, ...listed].some((entry) => entry.seq >= seq) ? listed : null;
    });
    const receipts: Receipt[] = [];
    for (const { request_id: id } of requests.toReversed()) {
      const receipt = id === null ? null : await readReceipt(inject("underTest").url, this.account, id);
      if (receipt) receipts.push(receipt);
    }
    return receipts;
  }

  /** Micro-credits that the account was charged, whatever paid them. */
  async charged(): Promise<number> {
    const { credits, allowances } = await this.settled();
    const windows = allowances.map(({ windows: [first] }) => micro(first?.used ?? "0.000000"));
    return windows.reduce((sum, used) => sum + used, micro(credits.used));
  }

  /** How often the upstream was asked for an answer on behalf of this cell. */
  async upstreamAnswers(): Promise<number> {
    const response = await fetch(`${inject("underTest").simulatorUrl}/simulator/requests`);
    const { requests } = (await response.json()) as { requests: Asked[] };
    const own = requests.filter(({ headers }) => headers["x-cell"] === this.account.id);
    return own.filter(({ method, fields }) => method !== "GET" && fields.generate !== false).length;
  }

  async #list(path: string): Promise<readonly Listed[]> {
    return (await this.#read<{ data: readonly Listed[] }>(path)).data;
  }

  async #read<Answer>(path: string): Promise<Answer> {
    return (await readOwn(inject("underTest").url, this.account, path)) as Answer;
  }
}

function reservedIn({ credits, allowances }: Account): number {
  const windows = allowances.flatMap((allowance) => allowance.windows.map(({ reserved }) => micro(reserved)));
  return windows.reduce((sum, reserved) => sum + reserved, micro(credits.reserved));
}

/** A row of the table: `claim` holds for each of the clients. */
export function situation<Tested extends Client>(
  claim: string,
  clients: readonly Tested[],
  options: CellOptions,
  check: (cell: Cell<Tested>) => Promise<void>,
): void {
  describe(claim, () => {
    for (const client of clients) {
      it.concurrent(client.name, async () => {
        const cell = await Cell.make(client, options);
        try {
          await check(cell);
        } finally {
          await cell.close();
        }
      });
    }
  });
}
