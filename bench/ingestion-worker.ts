import { type BalanceUpdate, type ChainedEntry, ENTRY_VERSION } from "../src/core/event.ts";
import { NO_USAGE } from "../src/core/usage.ts";
import { writeEntries } from "../src/ledger/write.ts";

// The ledger's writer knows these as globals of the Workers runtime; the benchmarks are checked as programs for Node.
declare global {
  type D1Database = import("@cloudflare/workers-types").D1Database;
  type D1PreparedStatement = import("@cloudflare/workers-types").D1PreparedStatement;
}

interface IngestionEnv {
  readonly DB: D1Database;
}

/** What is to be written: `batches` transactions of `size` entries each, from sequence number `from` on. */
export interface IngestionOrder {
  readonly batches: number;
  readonly size: number;
  /** Accounts whose entries share a batch. */
  readonly accounts: number;
  /** Balance updates of each entry. */
  readonly draws: number;
  readonly from: number;
}

export interface IngestionResult {
  readonly entries: number;
  readonly tookMs: number;
  /** As D1 counts and bills them. */
  readonly rowsWritten: number;
  readonly rowsRead: number;
  /** Size of the database before and after, in bytes. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Nothing but the ledger's writer on a database, to measure how fast it takes debits and what D1 counts for them. */
export default {
  async fetch(request: Request, env: IngestionEnv): Promise<Response> {
    const order = (await request.json()) as IngestionOrder;
    const meter = { rowsWritten: 0, rowsRead: 0 };
    const db = metered(env.DB, meter);
    const bytesBefore = await sizeOf(env.DB);
    const batches = Array.from({ length: order.batches }, (_, batch) => entriesOf(order, batch));
    const begun = performance.now();
    for (const entries of batches) await writeEntries(db, entries);
    const tookMs = performance.now() - begun;
    const bytesAfter = await sizeOf(env.DB);
    const result: IngestionResult = { entries: batches.flat().length, tookMs, ...meter, bytesBefore, bytesAfter };
    return Response.json(result);
  },
};

function metered(db: D1Database, meter: { rowsWritten: number; rowsRead: number }): D1Database {
  return new Proxy(db, {
    get(target, name) {
      if (name === "prepare") return (sql: string) => target.prepare(sql);
      if (name !== "batch") return undefined;
      return async (statements: D1PreparedStatement[]) => {
        const results = await target.batch(statements);
        for (const { meta } of results) {
          meter.rowsWritten += meta.rows_written;
          meter.rowsRead += meta.rows_read;
        }
        return results;
      };
    },
  });
}

async function sizeOf(db: D1Database): Promise<number> {
  return (await db.prepare("SELECT 1").run()).meta.size_after;
}

function entriesOf({ size, accounts, draws, from }: IngestionOrder, batch: number): ChainedEntry[] {
  const perAccount = Math.ceil(size / accounts);
  return Array.from({ length: size }, (_, index) => {
    const account = `acct_ingestion${String(index % accounts).padStart(8, "0")}`;
    return entryOf(account, from + batch * perAccount + Math.floor(index / accounts), draws);
  });
}

/** An entry as a small request leaves it, in the sizes of real ones. Only its hash is not computed. */
function entryOf(accountId: string, seq: number, draws: number): ChainedEntry {
  const tail = `${accountId.slice(5)}${String(seq).padStart(12, "0")}.1`;
  const amount = 5_460;
  const grants = Array.from({ length: draws }, (_, draw) => ({
    kind: "grant" as const,
    source: `grt_${accountId.slice(5)}${draw}`,
    amount,
  }));
  const gates = (["requests", "tokens", "concurrency"] as const).map((unit) => ({
    source: `codex-${unit}`,
    kind: "gate" as const,
    unit,
    available: 4_000_000,
    taken: 1,
  }));
  const sources = ["codex-included", ...grants.map(({ source }) => source)].map((source, index) => ({
    source,
    kind: index === 0 ? ("allowance" as const) : ("grant" as const),
    unit: "credits" as const,
    available: 99_000_000,
    taken: index === 0 ? 0 : amount,
  }));
  const hash = String(seq).padStart(64, "0");
  return {
    v: ENTRY_VERSION,
    accountId,
    epoch: 1,
    seq,
    at: 1_795_000_000_000 + seq,
    usage: {
      id: `use_${tail}`,
      requestId: `req_${tail.slice(0, -2)}`,
      attempt: 1,
      keyId: "key_abcdefghijkl",
      feature: "codex",
      model: "gpt-5.4-mini",
      outcome: "completed",
      estimated: false,
      usage: { ...NO_USAGE, inputTokens: 200, outputTokens: 100 },
      decision: {
        plan: { id: "bench", version: 1 },
        rateCard: { id: "default", version: 1 },
        considered: [...gates, ...sources],
        draws: grants,
        reservedAt: 1_795_000_000_000 + seq,
        reserved: 22_825,
      },
    },
    monetization: {
      id: `mon_${tail}`,
      usageId: `use_${tail}`,
      cardId: "default",
      cardVersion: 1,
      model: "gpt-5.4-mini",
      amount: amount * draws,
    },
    updates: grants.map(
      ({ source }, draw): BalanceUpdate => ({
        id: `bal_${accountId.slice(5)}.1.${seq}.${draw}`,
        draw,
        kind: "debit",
        source,
        amount,
        delta: -amount,
        balanceAfter: 1_000_000_000,
        cause: `mon_${tail}`,
        detail: null,
      }),
    ),
    prev: hash,
    hash,
  };
}
