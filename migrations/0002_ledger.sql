-- The ledger: three append-only datasets, folded from the journals of the accounts' objects.
-- WITHOUT ROWID and no secondary index: one row written per row, so a simple request costs four.

CREATE TABLE usage_events (
  account_id TEXT NOT NULL,
  id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  seq INTEGER NOT NULL CHECK (seq >= 1),
  at INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  attempt INTEGER NOT NULL CHECK (attempt >= 0),
  key_id TEXT NOT NULL,
  feature TEXT NOT NULL,
  model TEXT NOT NULL,
  outcome TEXT NOT NULL,
  estimated INTEGER NOT NULL CHECK (estimated IN (0, 1)),
  usage TEXT NOT NULL,
  decision TEXT NOT NULL,
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE monetization_events (
  account_id TEXT NOT NULL,
  id TEXT NOT NULL,
  usage_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  seq INTEGER NOT NULL CHECK (seq >= 1),
  at INTEGER NOT NULL,
  card_id TEXT NOT NULL,
  card_version INTEGER NOT NULL,
  model TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE balance_updates (
  account_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  seq INTEGER NOT NULL CHECK (seq >= 1),
  draw INTEGER NOT NULL CHECK (draw >= 0),
  id TEXT NOT NULL,
  v INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  source TEXT,
  amount INTEGER NOT NULL CHECK (amount >= 0),
  delta INTEGER NOT NULL,
  balance_after INTEGER NOT NULL CHECK (balance_after >= 0),
  cause TEXT NOT NULL,
  detail TEXT,
  usage_id TEXT,
  monetization_id TEXT,
  prev TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (account_id, epoch, seq, draw)
) STRICT, WITHOUT ROWID;

-- Moved only by the trigger below. It may be below zero for a moment, because entries arrive in any order.
-- Only refunds and grants have a row here: a request costs none.
CREATE INDEX refunds_by_cause ON balance_updates (account_id, cause) WHERE kind IN ('refund', 'grant');

CREATE TABLE balances (
  account_id TEXT NOT NULL PRIMARY KEY,
  balance INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  max_seq INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
  id TEXT NOT NULL PRIMARY KEY,
  account_id TEXT,
  reason TEXT NOT NULL,
  body TEXT NOT NULL,
  first_seen_at INTEGER NOT NULL,
  count INTEGER NOT NULL,
  redriven_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE reconciliations (
  id TEXT NOT NULL PRIMARY KEY,
  account_id TEXT,
  result TEXT NOT NULL,
  finished_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audited (
  account_id TEXT NOT NULL PRIMARY KEY,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  head TEXT NOT NULL,
  balance INTEGER NOT NULL,
  grants TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sweeps (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  cursor TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The balance moves in the same statement as its update, or not at all. An entry counts once, by its first update.
CREATE TRIGGER balance_updates_apply AFTER INSERT ON balance_updates
BEGIN
  INSERT INTO balances (account_id, balance, entries, max_seq, updated_at)
  VALUES (NEW.account_id, NEW.delta, NEW.draw = 0, NEW.seq, NEW.at)
  ON CONFLICT (account_id) DO UPDATE SET
    balance = balance + excluded.balance,
    entries = entries + excluded.entries,
    max_seq = max(max_seq, excluded.max_seq),
    updated_at = max(updated_at, excluded.updated_at);
END;

-- DO NOTHING alone would hide an object that wrote two histories, and let in the further updates of the second.
CREATE TRIGGER balance_updates_fork BEFORE INSERT ON balance_updates
WHEN EXISTS (
  SELECT 1 FROM balance_updates
  WHERE account_id = NEW.account_id AND epoch = NEW.epoch AND seq = NEW.seq AND hash <> NEW.hash
)
BEGIN
  SELECT RAISE(ABORT, 'fork');
END;

-- One event belongs to one entry: a request that was charged stays charged once, whatever else happens.
CREATE TRIGGER usage_events_reused BEFORE INSERT ON usage_events
WHEN EXISTS (
  SELECT 1 FROM usage_events
  WHERE account_id = NEW.account_id AND id = NEW.id AND (epoch <> NEW.epoch OR seq <> NEW.seq)
)
BEGIN
  SELECT RAISE(ABORT, 'reused event');
END;

CREATE TRIGGER monetization_events_reused BEFORE INSERT ON monetization_events
WHEN EXISTS (
  SELECT 1 FROM monetization_events
  WHERE account_id = NEW.account_id AND id = NEW.id AND (epoch <> NEW.epoch OR seq <> NEW.seq)
)
BEGIN
  SELECT RAISE(ABORT, 'reused event');
END;

CREATE TRIGGER usage_events_no_update BEFORE UPDATE ON usage_events
BEGIN
  SELECT RAISE(ABORT, 'append-only');
END;

CREATE TRIGGER usage_events_no_delete BEFORE DELETE ON usage_events
BEGIN
  SELECT RAISE(ABORT, 'append-only');
END;

CREATE TRIGGER monetization_events_no_update BEFORE UPDATE ON monetization_events
BEGIN
  SELECT RAISE(ABORT, 'append-only');
END;

CREATE TRIGGER monetization_events_no_delete BEFORE DELETE ON monetization_events
BEGIN
  SELECT RAISE(ABORT, 'append-only');
END;

CREATE TRIGGER balance_updates_no_update BEFORE UPDATE ON balance_updates
BEGIN
  SELECT RAISE(ABORT, 'append-only');
END;

CREATE TRIGGER balance_updates_no_delete BEFORE DELETE ON balance_updates
BEGIN
  SELECT RAISE(ABORT, 'append-only');
END;
