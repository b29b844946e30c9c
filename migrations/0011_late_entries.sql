-- Since when entries wait in the outbox of an account and do not arrive: what the sweep that is under way has found so far,
-- and what the one before it had found in all. NULL where nothing waits for long.
ALTER TABLE sweeps ADD COLUMN late_since INTEGER;
ALTER TABLE sweeps ADD COLUMN last_late_since INTEGER;
