-- Changes of memberships that are too large for one transaction. A row is a change under way: rows of a generation are
-- prepared, or it is in force, and its entries and the old rows are still to do.
CREATE TABLE member_jobs (
    tenant         TEXT   NOT NULL,
    group_id       TEXT   NOT NULL,
    generation     BIGINT NOT NULL,              -- the one that the change makes
    state          TEXT   NOT NULL,              -- preparing | added | removed | sweeping
    sweeps         BIGINT NOT NULL,              -- the generation whose rows go in the end
    cursor         TEXT   NOT NULL,              -- last user whose entry is written
    connection_id  TEXT   NOT NULL,              -- whose change it is
    actor_kind     TEXT   NOT NULL,              -- of the entries
    actor_id       TEXT   NOT NULL,
    cause_kind     TEXT   NOT NULL,
    cause_id       TEXT   NOT NULL,
    touched_at     BIGINT NOT NULL,              -- last step; nobody works on an old one any more
    PRIMARY KEY (tenant, group_id, generation)
) WITHOUT ROWID;
CREATE INDEX member_jobs_touched ON member_jobs (touched_at);

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('member_jobs', 'member_jobs', '100 100 2 1'),
    ('member_jobs', 'member_jobs_touched', '100 2');
