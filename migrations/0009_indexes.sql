-- Indexes for what is read or removed in small steps out of tables that grow.

-- What helps for a while and is then of no use is removed in small steps, oldest first: it has to be found without reading
-- what stays. Nothing of the ledger, of payments or of the admin log is ever removed.

CREATE INDEX alerts_by_rule ON alerts (rule, at);
CREATE INDEX jobs_by_age ON jobs (created_at);
CREATE INDEX webhook_events_by_age ON webhook_events (received_at);

-- The newest accounts, page by page.
CREATE INDEX accounts_by_age ON accounts (created_at);
