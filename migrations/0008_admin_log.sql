-- What operators did: one row for every admin action that succeeded, with who, why and what it changed.
-- Append-only, like the ledger. Ids sort by time.

CREATE TABLE admin_log (
  id         TEXT    NOT NULL PRIMARY KEY,
  at         INTEGER NOT NULL,
  actor      TEXT    NOT NULL,
  action     TEXT    NOT NULL,
  account_id TEXT,
  target     TEXT,
  reason     TEXT,
  before     TEXT CHECK (before IS NULL OR json_valid(before)),
  after      TEXT CHECK (after IS NULL OR json_valid(after)),
  request_id TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX admin_log_by_account ON admin_log (account_id, id) WHERE account_id IS NOT NULL;

CREATE TRIGGER admin_log_no_update BEFORE UPDATE ON admin_log
BEGIN
  SELECT RAISE(ABORT, 'append-only');
END;

CREATE TRIGGER admin_log_no_delete BEFORE DELETE ON admin_log
BEGIN
  SELECT RAISE(ABORT, 'append-only');
END;
