-- Money in. What was paid for credits, as the payment provider tells it; the credits themselves are grants in the ledger.

-- What can be bought. One row each, as it is now: a payment carries its own terms.
CREATE TABLE credit_packs (
  id         TEXT    NOT NULL PRIMARY KEY,
  document   TEXT    NOT NULL CHECK (json_valid(document)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per payment, under an id that is made from the provider's. Money is in the smallest unit of its currency.
CREATE TABLE payments (
  id          TEXT    NOT NULL PRIMARY KEY,
  account_id  TEXT    NOT NULL,
  provider_id TEXT    NOT NULL,
  kind        TEXT    NOT NULL CHECK (kind IN ('checkout', 'top_up')),
  pack_id     TEXT    NOT NULL,
  credits     INTEGER NOT NULL CHECK (credits > 0),
  amount      INTEGER NOT NULL CHECK (amount > 0),
  currency    TEXT    NOT NULL,
  grant_id    TEXT    NOT NULL,
  state       TEXT    NOT NULL CHECK (state IN ('pending', 'paid', 'failed')),
  -- Paid back, and lost in disputes.
  refunded    INTEGER NOT NULL DEFAULT 0 CHECK (refunded >= 0),
  lost        INTEGER NOT NULL DEFAULT 0 CHECK (lost >= 0),
  -- Credits that were to be taken back, and those of them that could not be, because they were used.
  reclaimed   INTEGER NOT NULL DEFAULT 0 CHECK (reclaimed BETWEEN 0 AND credits),
  shortfall   INTEGER NOT NULL DEFAULT 0 CHECK (shortfall BETWEEN 0 AND credits),
  created_at  INTEGER NOT NULL,
  paid_at     INTEGER,
  CHECK ((state = 'paid') = (paid_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX payments_by_account ON payments (account_id, created_at, id);
CREATE INDEX payments_by_age ON payments (created_at, id);

CREATE TABLE disputes (
  id         TEXT    NOT NULL PRIMARY KEY,
  payment_id TEXT    NOT NULL,
  account_id TEXT    NOT NULL,
  amount     INTEGER NOT NULL CHECK (amount >= 0),
  state      TEXT    NOT NULL CHECK (state IN ('inquiry', 'open', 'won', 'lost')),
  created_at INTEGER NOT NULL,
  closed_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX disputes_by_payment ON disputes (payment_id);
CREATE INDEX disputes_open ON disputes (account_id) WHERE state = 'open';

-- What the provider told and could not be followed: money that nothing was granted for. It waits for a person.
CREATE TABLE parked_payments (
  id          TEXT    NOT NULL PRIMARY KEY,
  payment_id  TEXT    NOT NULL,
  account_id  TEXT,
  reason      TEXT    NOT NULL,
  event       TEXT    NOT NULL CHECK (json_valid(event)),
  received_at INTEGER NOT NULL,
  resolved_at INTEGER,
  resolution  TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX parked_payments_open ON parked_payments (payment_id) WHERE resolved_at IS NULL;

-- How an account buys credits by itself.
CREATE TABLE auto_top_ups (
  account_id     TEXT    NOT NULL PRIMARY KEY,
  enabled        INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  threshold      INTEGER NOT NULL CHECK (threshold > 0),
  pack_id        TEXT    NOT NULL,
  monthly_cap    INTEGER NOT NULL CHECK (monthly_cap > 0),
  cooldown_ms    INTEGER NOT NULL CHECK (cooldown_ms >= 0),
  -- Failures in a row; after some of them it is suspended until somebody sets it again.
  failures       INTEGER NOT NULL,
  suspended_why  TEXT,
  -- No purchase begins before this instant.
  not_before     INTEGER NOT NULL,
  not_before_why TEXT,
  updated_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The customer and the saved payment method at the provider.
CREATE TABLE payment_methods (
  account_id     TEXT    NOT NULL PRIMARY KEY,
  customer_id    TEXT    NOT NULL,
  method_id      TEXT    NOT NULL,
  saved_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row each time that credits fell below the threshold and were bought.
CREATE TABLE top_ups (
  id          TEXT    NOT NULL PRIMARY KEY,
  account_id  TEXT    NOT NULL,
  pack_id     TEXT    NOT NULL,
  credits     INTEGER NOT NULL,
  amount      INTEGER NOT NULL,
  currency    TEXT    NOT NULL,
  state       TEXT    NOT NULL CHECK (state IN ('begun', 'succeeded', 'failed')),
  reason      TEXT,
  provider_id TEXT,
  created_at  INTEGER NOT NULL,
  ended_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX top_ups_by_account ON top_ups (account_id, created_at);
-- One at a time.
CREATE UNIQUE INDEX top_ups_begun ON top_ups (account_id) WHERE state = 'begun';
