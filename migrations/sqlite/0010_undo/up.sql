-- Undo of a run: how people stood before it, and what is held so that the next pull does not do it again
-- (docs/decisions/0015).

-- JSON: by unit what took part before in the place of a value that an undo holds: [value], or [] for nothing.
ALTER TABLE claims ADD COLUMN undone TEXT;

ALTER TABLE runs ADD COLUMN decided_at BIGINT;         -- when somebody last decided about it: approved, discarded, undone
ALTER TABLE runs ADD COLUMN decider_kind TEXT;
ALTER TABLE runs ADD COLUMN decider_id TEXT;
-- What was decided and is still to be carried out; a handful of rows.
CREATE INDEX runs_wanted ON runs (state, tenant, id) WHERE state IN ('approved', 'undoing');

-- What a run changed about a person, one row for each.
CREATE TABLE run_changes (
    tenant    TEXT    NOT NULL,
    run_id    TEXT    NOT NULL,
    subject   TEXT    NOT NULL,                  -- user
    state     TEXT    NOT NULL,                  -- open | undone | kept
    change    TEXT    NOT NULL,                  -- JSON: before and after of access, units, claims, links
    outcome   TEXT,                              -- JSON: what its undo did, and what it left alone and why
    returned  BOOLEAN NOT NULL,                  -- the undo gave access back
    PRIMARY KEY (tenant, run_id, subject)
);
CREATE INDEX run_changes_subject ON run_changes (tenant, subject);

-- What an undo holds of a record beside the units of the claim. It ends when the source says something else, or by an admin.
CREATE TABLE undo_holds (
    tenant         TEXT   NOT NULL,
    connection_id  TEXT   NOT NULL,
    source_id      TEXT   NOT NULL,
    subject        TEXT   NOT NULL,              -- user
    kind           TEXT   NOT NULL,              -- record: nothing is made of it | employment: its state and days do not count | gone: that it is missing does not count
    digest         TEXT   NOT NULL,              -- of what is held; ends with it
    run_id         TEXT   NOT NULL,              -- that was undone
    since          BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection_id, source_id)
);
CREATE INDEX undo_holds_subject ON undo_holds (tenant, subject);

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('runs', 'runs_wanted', '4 4 2 1'),
    ('run_changes', 'sqlite_autoindex_run_changes_1', '1000000 1000000 100 1'),
    ('run_changes', 'run_changes_subject', '1000000 1000000 3'),
    ('undo_holds', 'sqlite_autoindex_undo_holds_1', '1000 1000 500 1'),
    ('undo_holds', 'undo_holds_subject', '1000 1000 1');
