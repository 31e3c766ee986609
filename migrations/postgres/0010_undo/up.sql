-- Undo of a run: how people stood before it, and what is held so that the next pull does not do it again
-- (docs/decisions/0015).

-- JSON: by unit what took part before in the place of a value that an undo holds: [value], or [] for nothing.
ALTER TABLE claims ADD COLUMN undone TEXT COLLATE "C";

ALTER TABLE runs ADD COLUMN decided_at BIGINT;         -- when somebody last decided about it: approved, discarded, undone
ALTER TABLE runs ADD COLUMN decider_kind TEXT COLLATE "C";
ALTER TABLE runs ADD COLUMN decider_id TEXT COLLATE "C";
-- What was decided and is still to be carried out; a handful of rows.
CREATE INDEX runs_wanted ON runs (state, tenant, id) WHERE state IN ('approved', 'undoing');

-- What a run changed about a person, one row for each.
CREATE TABLE run_changes (
    tenant    TEXT COLLATE "C"    NOT NULL,
    run_id    TEXT COLLATE "C"    NOT NULL,
    subject   TEXT COLLATE "C"    NOT NULL,                  -- user
    state     TEXT COLLATE "C"    NOT NULL,                  -- open | undone | kept
    change    TEXT COLLATE "C"    NOT NULL,                  -- JSON: before and after of access, units, claims, links
    outcome   TEXT COLLATE "C",                              -- JSON: what its undo did, and what it left alone and why
    returned  BOOLEAN NOT NULL,                  -- the undo gave access back
    PRIMARY KEY (tenant, run_id, subject)
);
CREATE INDEX run_changes_subject ON run_changes (tenant, subject);

-- What an undo holds of a record beside the units of the claim. It ends when the source says something else, or by an admin.
CREATE TABLE undo_holds (
    tenant         TEXT COLLATE "C"   NOT NULL,
    connection_id  TEXT COLLATE "C"   NOT NULL,
    source_id      TEXT COLLATE "C"   NOT NULL,
    subject        TEXT COLLATE "C"   NOT NULL,              -- user
    kind           TEXT COLLATE "C"   NOT NULL,              -- record: nothing is made of it | employment: its state and days do not count | gone: that it is missing does not count
    digest         TEXT COLLATE "C"   NOT NULL,              -- of what is held; ends with it
    run_id         TEXT COLLATE "C"   NOT NULL,              -- that was undone
    since          BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection_id, source_id)
);
CREATE INDEX undo_holds_subject ON undo_holds (tenant, subject);
