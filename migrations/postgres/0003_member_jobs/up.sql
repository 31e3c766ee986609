-- Changes of memberships that are too large for one transaction. A row is a change under way: rows of a generation are
-- prepared, or it is in force, and its entries and the old rows are still to do.
CREATE TABLE member_jobs (
    tenant         TEXT COLLATE "C" NOT NULL,
    group_id       TEXT COLLATE "C" NOT NULL,
    generation     BIGINT           NOT NULL,      -- the one that the change makes
    state          TEXT COLLATE "C" NOT NULL,      -- preparing | added | removed | sweeping
    sweeps         BIGINT           NOT NULL,      -- the generation whose rows go in the end
    cursor         TEXT COLLATE "C" NOT NULL,      -- last user whose entry is written
    connection_id  TEXT COLLATE "C" NOT NULL,      -- whose change it is
    actor_kind     TEXT COLLATE "C" NOT NULL,      -- of the entries
    actor_id       TEXT COLLATE "C" NOT NULL,
    cause_kind     TEXT COLLATE "C" NOT NULL,
    cause_id       TEXT COLLATE "C" NOT NULL,
    touched_at     BIGINT           NOT NULL,      -- last step; nobody works on an old one any more
    PRIMARY KEY (tenant, group_id, generation)
);
CREATE INDEX member_jobs_touched ON member_jobs (touched_at);
