-- The servers that requests are sent to. Written by the admin API only. Keys are secrets of the Worker: only their names
-- stand here. One row each, as it is now: nothing of the ledger refers to it.

CREATE TABLE upstreams (
  id         TEXT    NOT NULL PRIMARY KEY,
  document   TEXT    NOT NULL CHECK (json_valid(document)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
