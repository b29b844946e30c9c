-- Who writes many entries at once moves a balance once for all of them: one row instead of one for each.

-- 1 where the writer has added the row to `balances` itself, in the same transaction; NULL where the trigger does it.
ALTER TABLE balance_updates ADD COLUMN summed INTEGER CHECK (summed = 1);

DROP TRIGGER balance_updates_apply;

-- A Worker from before this column still writes, while the new one reaches all places, and writes NULL.
CREATE TRIGGER balance_updates_apply AFTER INSERT ON balance_updates
WHEN NEW.summed IS NULL
BEGIN
  INSERT INTO balances (account_id, balance, entries, max_seq, updated_at)
  VALUES (NEW.account_id, NEW.delta, NEW.draw = 0, NEW.seq, NEW.at)
  ON CONFLICT (account_id) DO UPDATE SET
    balance = balance + excluded.balance,
    entries = entries + excluded.entries,
    max_seq = max(max_seq, excluded.max_seq),
    updated_at = max(updated_at, excluded.updated_at);
END;
