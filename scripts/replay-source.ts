import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { describeFaults } from "../src/catalog/document.ts";
import { readRateCardDocument, toRate } from "../src/catalog/rate-card-document.ts";
import type { RateLookup } from "../src/core/audit.ts";
import type { ChainedEntry } from "../src/core/event.ts";
import type { Rate } from "../src/core/rate-card.ts";
import { NoLedgerError } from "./ledger-copy.ts";
import type { ReplaySource } from "./ledger-replay.ts";

type Rates = Map<string, Readonly<Record<string, Rate>>>;

/** A ledger in a file of SQLite, with the rate cards beside it. */
export function sourceOfDatabase(path: string): ReplaySource {
  const database = new DatabaseSync(":memory:");
  database.prepare("ATTACH ? AS ledger").run(path);
  const rates: Rates = new Map();
  for (const row of database.prepare("SELECT id, version, document FROM ledger.rate_cards").iterate()) {
    const parsed = readRateCardDocument(JSON.parse(String(row.document)));
    if (!parsed.ok) throw new Error(`rate card ${row.id}@${row.version}: ${describeFaults(parsed.faults)}`);
    const models = Object.entries(parsed.document.models).map(([model, rate]) => [model, toRate(rate)] as const);
    rates.set(`${row.id}@${row.version}`, Object.fromEntries(models));
  }
  return { database, rateOf: lookup(rates) };
}

function lookup(rates: Rates): RateLookup {
  return (cardId, cardVersion, model) => {
    const models = rates.get(`${cardId}@${cardVersion}`);
    return (models && Object.hasOwn(models, model) ? models[model] : undefined) ?? null;
  };
}

/** The columns of the ledger's tables that a replay reads. */
const TABLES = `
  ATTACH ':memory:' AS ledger;
  CREATE TABLE ledger.usage_events (
    account_id TEXT, id TEXT, epoch INTEGER, seq INTEGER, model TEXT, outcome TEXT, estimated INTEGER, usage TEXT,
    decision TEXT, PRIMARY KEY (account_id, id)
  ) STRICT;
  CREATE TABLE ledger.monetization_events (
    account_id TEXT, id TEXT, epoch INTEGER, seq INTEGER, card_id TEXT, card_version INTEGER, model TEXT,
    amount INTEGER, PRIMARY KEY (account_id, id)
  ) STRICT;
  CREATE TABLE ledger.balance_updates (
    account_id TEXT, epoch INTEGER, seq INTEGER, draw INTEGER, kind TEXT, amount INTEGER, delta INTEGER,
    PRIMARY KEY (account_id, epoch, seq, draw)
  ) STRICT;
  CREATE TABLE ledger.balances (account_id TEXT PRIMARY KEY, balance INTEGER) STRICT;
`;

/** A ledger in an export of `GET /api/ledger/export`. Its chain is not checked: that is what verifying is for. */
export async function sourceOfExport(path: string): Promise<ReplaySource> {
  const database = new DatabaseSync(":memory:");
  database.exec(TABLES);
  const rates: Rates = new Map();
  let account: string | null = null;
  let ended = false;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === "") continue;
    const value = JSON.parse(line) as ExportLine;
    if (value.type === "spillway-ledger") {
      account = value.account;
      for (const [card, models] of Object.entries(value.rates)) rates.set(card, models);
    } else if (value.type === "end") {
      database.prepare("INSERT INTO ledger.balances VALUES (?, ?)").run(account, value.balance);
      ended = true;
    } else insertEntry(database, value);
  }
  if (account === null || !ended) throw new NoLedgerError(`${path} is no complete export of a ledger.`);
  return { database, rateOf: lookup(rates) };
}

type ExportLine =
  | { type: "spillway-ledger"; account: string; rates: Record<string, Record<string, Rate>> }
  | { type: "end"; balance: number }
  | (ChainedEntry & { type?: undefined });

function insertEntry(
  database: DatabaseSync,
  { accountId, epoch, seq, usage, monetization, updates }: ChainedEntry,
): void {
  const insert = (table: string, ...values: (string | number)[]) => {
    database.prepare(`INSERT INTO ledger.${table} VALUES (${values.map(() => "?").join(", ")})`).run(...values);
  };
  if (usage) {
    const { id, model, outcome, estimated } = usage;
    const texts = [JSON.stringify(usage.usage), JSON.stringify(usage.decision)];
    insert("usage_events", accountId, id, epoch, seq, model, outcome, estimated ? 1 : 0, ...texts);
  }
  if (monetization) {
    const { id, cardId, cardVersion, model, amount } = monetization;
    insert("monetization_events", accountId, id, epoch, seq, cardId, cardVersion, model, amount);
  }
  for (const { draw, kind, amount, delta } of updates) {
    insert("balance_updates", accountId, epoch, seq, draw, kind, amount, delta);
  }
}
