-- Jobs that upstream was asked to begin and whose id has not come back yet. A row lives for seconds; one that outlives its
-- request tells what to look for among upstream's jobs.

CREATE TABLE job_intents (
  request_id  TEXT    NOT NULL PRIMARY KEY,
  attempt     INTEGER NOT NULL,
  account_id  TEXT    NOT NULL,
  upstreams   TEXT    NOT NULL CHECK (json_valid(upstreams)),
  model       TEXT    NOT NULL,
  prompt_hash TEXT    NOT NULL,
  terms       TEXT    NOT NULL CHECK (json_valid(terms)),
  created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
