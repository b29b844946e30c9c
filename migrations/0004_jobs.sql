-- Where to find the account of a job by upstream's id, for webhooks that name nothing else. Only an index: how a job stands
-- is known by the account's object.

CREATE TABLE jobs (
  id         TEXT    NOT NULL PRIMARY KEY,
  account_id TEXT    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Webhook events that were acted on. A provider signs a repetition anew, so the age of a signature does not tell.
CREATE TABLE webhook_events (
  id          TEXT    NOT NULL PRIMARY KEY,
  received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
