-- The ledger of the reference. Amounts are integer micro-credits, as in Spillway. Accounts are not foreign keys: their check
-- would lock the one row that all requests of an account move. Every statement that writes names an account it has found.

CREATE TABLE balances (
  account  text   PRIMARY KEY,
  granted  bigint NOT NULL,
  balance  bigint NOT NULL,
  reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  seq      bigint NOT NULL DEFAULT 0
);

CREATE TABLE reservations (
  request_id text        PRIMARY KEY,
  account    text        NOT NULL,
  amount     bigint      NOT NULL,
  state      text        NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'settled', 'released', 'expired')),
  expires_at timestamptz NOT NULL
);
CREATE INDEX reservations_by_expiry ON reservations (expires_at) WHERE state = 'pending';

CREATE TABLE usage_events (
  request_id    text        PRIMARY KEY,
  account       text        NOT NULL,
  model         text        NOT NULL,
  input_tokens  integer     NOT NULL,
  output_tokens integer     NOT NULL,
  at            timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX usage_events_by_account ON usage_events (account, at);

CREATE TABLE charges (
  request_id text   PRIMARY KEY REFERENCES usage_events,
  account    text   NOT NULL,
  amount     bigint NOT NULL
);

CREATE TABLE balance_updates (
  account    text   NOT NULL,
  seq        bigint NOT NULL,
  request_id text   NOT NULL UNIQUE REFERENCES charges,
  delta      bigint NOT NULL,
  balance    bigint NOT NULL,
  PRIMARY KEY (account, seq)
);
