import type { Sql } from "./platform.ts";
import { moveReservations } from "./reservation-move.ts";

/**
 * The object's SQLite schema as a list that only grows: each step is run once, in order, and never edited after it has
 * been deployed. The CHECKs stay on in production: a broken rule aborts the command and nothing is half done.
 */
const STEPS: readonly (string | ((sql: Sql) => void))[] = [
  `
  CREATE TABLE account (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    account_id TEXT NOT NULL,
    epoch INTEGER NOT NULL CHECK (epoch >= 1),
    seq INTEGER NOT NULL CHECK (seq >= 0),
    head TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'frozen')),
    status_reason TEXT,
    balance INTEGER NOT NULL CHECK (balance >= 0),
    used INTEGER NOT NULL CHECK (used >= 0),
    meters TEXT NOT NULL,
    renewals TEXT NOT NULL,
    learned TEXT NOT NULL
  ) STRICT;

  CREATE TABLE plan (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    document TEXT NOT NULL
  ) STRICT;

  CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    name TEXT,
    scopes TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    priority INTEGER NOT NULL,
    effective_at INTEGER NOT NULL,
    expires_at INTEGER,
    features TEXT,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_seq INTEGER NOT NULL,
    used INTEGER NOT NULL CHECK (used >= 0),
    lapsed INTEGER NOT NULL CHECK (lapsed >= 0),
    voided_at INTEGER,
    CHECK (used + lapsed <= amount)
  ) STRICT, WITHOUT ROWID;

  -- The key begins with the state, so that the pending ones lie together and are found without an index.
  CREATE TABLE reservations (
    pending INTEGER NOT NULL CHECK (pending IN (0, 1)),
    request_id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (pending, request_id)
  ) STRICT, WITHOUT ROWID;

  -- Which request a refund was for, so that its idempotency key cannot refund another one.
  CREATE TABLE refunds (
    id TEXT PRIMARY KEY,
    request_id TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Corrections that were made, by usage event and rate-card version.
  CREATE TABLE corrections (
    id TEXT PRIMARY KEY,
    difference INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY,
    entry TEXT NOT NULL
  ) STRICT;

  CREATE TABLE delivery (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sent_seq INTEGER NOT NULL,
    mark_seq INTEGER NOT NULL,
    resend_at INTEGER NOT NULL,
    tries INTEGER NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE resources (
    -- What requests of the account made and upstream keeps, by upstream's own id.
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    upstream TEXT NOT NULL,
    model TEXT NOT NULL,
    request_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    context_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    item_ids TEXT NOT NULL,
    details TEXT,
    -- Set while the resource is a job that upstream has not come to an end with.
    poll_at INTEGER,
    polls INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- For lists, for the newest responses and for what is old enough to be forgotten.
  CREATE INDEX resources_by_age ON resources (kind, created_at, id);

  CREATE INDEX resources_due ON resources (poll_at) WHERE poll_at IS NOT NULL;
  `,
  "ALTER TABLE grants ADD COLUMN reclaimed INTEGER NOT NULL DEFAULT 0 CHECK (reclaimed >= 0 AND reclaimed <= amount)",
  // The account's row and the grants that the entry changed, as they are after it; NULL where the tables hold that. One
  // way: older code would not read it, and fails at the next entry's number.
  "ALTER TABLE outbox ADD COLUMN state TEXT",
  // One way: older code looks for reservations where they are no more.
  moveReservations,
  // Set for the row of an entry that the ledger has, where the row stays for the state that it carries. Older code sends
  // the entry once more.
  "ALTER TABLE outbox ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0",
  // The ledger has all entries up to this number, whatever their rows say. Older code sends those once more.
  "ALTER TABLE delivery ADD COLUMN confirmed_seq INTEGER NOT NULL DEFAULT 0",
  // When a key that was rolled would have ended otherwise; 0 for never, NULL where it was not rolled. Older code does not
  // note it.
  "ALTER TABLE keys ADD COLUMN unrolled_expires_at INTEGER",
];

/**
 * Brings the object's database to the newest schema. Call it inside one transaction, before anything else. A database
 * that is newer than this code, after a rollback, keeps its version: its next upgrade must not repeat a step.
 */
export function migrateAccount(sql: Sql): void {
  sql.exec(
    "CREATE TABLE IF NOT EXISTS schema_version (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL)",
  );
  const [row] = sql.exec<{ version: number }>("SELECT version FROM schema_version").toArray();
  const from = row?.version ?? 0;
  if (from >= STEPS.length) return;
  for (const step of STEPS.slice(from)) {
    if (typeof step === "string") sql.exec(step);
    else step(sql);
  }
  sql.exec(
    "INSERT INTO schema_version (id, version) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET version = excluded.version",
    STEPS.length,
  );
}
