-- What a pull source knows each person under, and what it last said of her employment. A record that did not change
-- writes nothing here. And what readers see of a pulled person beside her document.

CREATE TABLE links (
    tenant         TEXT   NOT NULL,
    connection_id  TEXT   NOT NULL,
    source_id      TEXT   NOT NULL,             -- the vendor's stable id
    user_id        TEXT   NOT NULL,
    digest         TEXT   NOT NULL,             -- of the record as it was applied; '': something of it is still to do
    source_epoch   BIGINT NOT NULL,             -- the user's, at that time
    state          TEXT   NOT NULL,             -- employment as the source says: prehire | employed | on_leave | left | unknown
    in_force       TEXT,                        -- as it was last applied, with dates: prehire | employed | on_leave | left | absent
    start_date     TEXT,                        -- first day, ISO 8601
    end_date       TEXT,                        -- last day, inclusive
    zone           TEXT,                        -- in which a day begins and ends; NULL: UTC
    due_at         BIGINT,                      -- when the first day begins or the last one has ended, while that lies ahead
    adopted_by     TEXT,                        -- the run that matched the person
    absent_since   BIGINT,                      -- not in a complete pull since
    left_at        BIGINT,                      -- when her leaving was applied
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection_id, source_id)
) WITHOUT ROWID;
CREATE INDEX links_user ON links (tenant, user_id, connection_id);
CREATE INDEX links_due ON links (tenant, connection_id, due_at) WHERE due_at IS NOT NULL;

ALTER TABLE users ADD COLUMN employment_state TEXT;   -- as of now, by the first HR source that says anything
ALTER TABLE users ADD COLUMN start_date TEXT;
ALTER TABLE users ADD COLUMN end_date TEXT;
ALTER TABLE users ADD COLUMN added_via TEXT;          -- connection
ALTER TABLE connections ADD COLUMN confirm_since BIGINT;  -- went back in time: the next pull is a full one, and waits for a yes

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('links', 'links', '1000000 1000000 500000 1'),
    ('links', 'links_user', '1000000 1000000 2 1'),
    ('links', 'links_due', '50000 50000 25000 20');
