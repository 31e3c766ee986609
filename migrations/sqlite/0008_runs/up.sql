-- Pulls from HR systems: when each connection is due and who is at it, what each run found and did, and what waits for an
-- admin. Nothing here is the truth about a person; a run can be read again, but people change through the service only.

CREATE TABLE schedules (
    tenant           TEXT    NOT NULL,
    connection_id    TEXT    NOT NULL,
    next_at          BIGINT  NOT NULL,           -- when it is due
    lease_holder     TEXT,                       -- the process that works on it
    lease_until      BIGINT,                     -- renewed while it works; past: another may take over
    last_attempt_at  BIGINT,
    last_success_at  BIGINT,                     -- of a complete pull
    failures         BIGINT  NOT NULL,           -- in a row
    health           TEXT    NOT NULL,           -- healthy | degraded | failing | needs-credentials | waiting | silent | new
    health_params    TEXT,                       -- JSON: code and parameters
    settings_digest  TEXT,                       -- of the settings under which a plan was last applied
    announced        BIGINT  NOT NULL,           -- leavers more than the limit that an admin has announced
    announced_until  BIGINT,
    PRIMARY KEY (tenant, connection_id)
);
CREATE INDEX schedules_next ON schedules (next_at);

CREATE TABLE runs (
    tenant           TEXT    NOT NULL,
    id               TEXT    NOT NULL,           -- UUIDv7: in the order of time
    connection_id    TEXT    NOT NULL,
    kind             TEXT    NOT NULL,           -- scheduled | manual | dry
    state            TEXT    NOT NULL,           -- running | waiting | done | failed | discarded | undone
    stage            TEXT    NOT NULL,           -- fetch | plan | apply | report
    actor_kind       TEXT    NOT NULL,
    actor_id         TEXT    NOT NULL,
    as_of            TEXT    NOT NULL,           -- day for which the records were read
    started_at       BIGINT  NOT NULL,
    finished_at      BIGINT,
    planned          BIGINT  NOT NULL,           -- items so far
    applied          BIGINT  NOT NULL,           -- items behind it: where a killed run goes on
    lost             BIGINT  NOT NULL,           -- people who lost access by it
    is_complete      BOOLEAN NOT NULL,
    evidence         TEXT,                       -- JSON: counts and gaps of the pull
    counts           TEXT,                       -- JSON: how many of each action
    why_held         TEXT,                       -- code
    error            TEXT,                       -- JSON: kind, code, parameters
    settings_digest  TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX runs_connection ON runs (tenant, connection_id, id);

-- What a run means to do, one row a person. An unchanged person has none.
CREATE TABLE run_items (
    tenant     TEXT    NOT NULL,
    run_id     TEXT    NOT NULL,
    ordinal    BIGINT  NOT NULL,
    source_id  TEXT    NOT NULL,
    subject    TEXT    NOT NULL,                 -- user; '' where there is none yet
    action     TEXT    NOT NULL,                 -- create | adopt | update | leave | absent | conflict | reject | …
    state      TEXT    NOT NULL,                 -- planned | applied | held | failed | skipped
    loses      BOOLEAN NOT NULL,                 -- takes access away
    person     TEXT,                             -- JSON: the record as mapped; NULL for who is absent
    effect     TEXT,                             -- JSON: access before and after, units, reason
    PRIMARY KEY (tenant, run_id, ordinal)
);
CREATE INDEX run_items_subject ON run_items (tenant, subject);
CREATE INDEX run_items_source ON run_items (tenant, run_id, source_id);

-- Losses of access that wait for an admin. An approval names people, not a run.
CREATE TABLE held_losses (
    tenant         TEXT   NOT NULL,
    connection_id  TEXT   NOT NULL,
    source_id      TEXT   NOT NULL,
    subject        TEXT   NOT NULL,              -- user
    reason         TEXT   NOT NULL,              -- code of the loss; an approval holds while it is the same
    why            TEXT   NOT NULL,              -- why it is held
    state          TEXT   NOT NULL,              -- waiting | approved | discarded
    digest         TEXT   NOT NULL,              -- of the record; a discarded loss comes back when it changes
    run_id         TEXT   NOT NULL,              -- that last saw it
    since          BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection_id, source_id)
);
CREATE INDEX held_losses_subject ON held_losses (tenant, subject);

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('schedules', 'sqlite_autoindex_schedules_1', '1000 2 1'),
    ('schedules', 'schedules_next', '1000 2'),
    ('runs', 'sqlite_autoindex_runs_1', '100000 100000 1'),
    ('runs', 'runs_connection', '100000 100000 50000 1'),
    ('run_items', 'sqlite_autoindex_run_items_1', '1000000 1000000 100 1'),
    ('run_items', 'run_items_subject', '1000000 1000000 3'),
    ('run_items', 'run_items_source', '1000000 1000000 100 1'),
    ('held_losses', 'sqlite_autoindex_held_losses_1', '1000 1000 500 1'),
    ('held_losses', 'held_losses_subject', '1000 1000 1');
