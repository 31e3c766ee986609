DROP INDEX journal_values_subject;
CREATE INDEX journal_values_subject ON journal_values (tenant, subject);
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('journal_values', 'journal_values_subject', '50000000 50000000 50');
