-- Whose values an entry has is the same for all of them, so its first change answers for the rest: finding a person's
-- values costs an entry one row in the index, not one for each value (docs/decisions/0008).
DROP INDEX journal_values_subject;
CREATE INDEX journal_values_subject ON journal_values (tenant, subject) WHERE ordinal = 0;

-- Dropping the index took its row along.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('journal_values', 'journal_values_subject', '10000000 10000000 20');
