-- The catalog: who may ask, what is offered, what it costs. Written by the admin API only.
-- Versions are never changed or deleted: the ledger refers to them for as long as it exists.

CREATE TABLE plans (
  id         TEXT    NOT NULL,
  version    INTEGER NOT NULL CHECK (version > 0),
  document   TEXT    NOT NULL CHECK (json_valid(document)),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE rate_cards (
  id           TEXT    NOT NULL,
  version      INTEGER NOT NULL CHECK (version > 0),
  effective_at INTEGER NOT NULL,
  document     TEXT    NOT NULL CHECK (json_valid(document)),
  created_at   INTEGER NOT NULL,
  PRIMARY KEY (id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
  id         TEXT    NOT NULL PRIMARY KEY,
  name       TEXT,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
