-- Alerts: what people want to be told of, once each time that it comes about, and the webhooks that tell them.

CREATE TABLE alerts (
  -- Made from what it is about, so that it comes about once.
  id              TEXT    NOT NULL PRIMARY KEY,
  -- NULL: it concerns the operator alone.
  account_id      TEXT,
  rule            TEXT    NOT NULL,
  message         TEXT    NOT NULL,
  data            TEXT    NOT NULL CHECK (json_valid(data)),
  at              INTEGER NOT NULL,
  acknowledged_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX alerts_by_account ON alerts (account_id, at, id);

-- What an account is told of, or what all are that say nothing (`scope` is then `operator`).
CREATE TABLE alert_settings (
  scope      TEXT    NOT NULL PRIMARY KEY,
  document   TEXT    NOT NULL CHECK (json_valid(document)),
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Where alerts are sent. Secrets are derived from the gateway's own and the version; none is stored.
CREATE TABLE alert_endpoints (
  id             TEXT    NOT NULL PRIMARY KEY,
  -- NULL: the operator's, which is told of all accounts.
  account_id     TEXT,
  url            TEXT    NOT NULL,
  rules          TEXT CHECK (rules IS NULL OR json_valid(rules)),
  secret_version INTEGER NOT NULL CHECK (secret_version > 0),
  -- Until then the secret before signs as well.
  rotated_until  INTEGER,
  created_at     INTEGER NOT NULL,
  -- Set when the receiver has said that it is gone.
  disabled_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_endpoints_by_account ON alert_endpoints (account_id);

CREATE TABLE alert_deliveries (
  id            TEXT    NOT NULL PRIMARY KEY,
  alert_id      TEXT    NOT NULL,
  endpoint_id   TEXT    NOT NULL,
  state         TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
  attempts      INTEGER NOT NULL,
  next_at       INTEGER NOT NULL,
  -- One sender at a time.
  claimed_until INTEGER NOT NULL,
  outcome       TEXT,
  ended_at      INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_deliveries_due ON alert_deliveries (next_at) WHERE state = 'pending';
CREATE INDEX alert_deliveries_by_endpoint ON alert_deliveries (endpoint_id);

-- How far each account was watched, and what it was told already.
CREATE TABLE alert_watches (
  account_id TEXT    NOT NULL PRIMARY KEY,
  -- The newest entry of the ledger that was looked at.
  seq        INTEGER NOT NULL,
  due_at     INTEGER,
  version    INTEGER NOT NULL,
  state      TEXT    NOT NULL CHECK (json_valid(state))
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_watches_due ON alert_watches (due_at) WHERE due_at IS NOT NULL;
