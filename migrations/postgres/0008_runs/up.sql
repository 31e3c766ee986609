-- Pulls from HR systems: when each connection is due and who is at it, what each run found and did, and what waits for an
-- admin. Nothing here is the truth about a person; a run can be read again, but people change through the service only.

CREATE TABLE schedules (
    tenant           TEXT COLLATE "C" NOT NULL,
    connection_id    TEXT COLLATE "C" NOT NULL,
    next_at          BIGINT  NOT NULL,           -- when it is due
    lease_holder     TEXT COLLATE "C",                       -- the process that works on it
    lease_until      BIGINT,                     -- renewed while it works; past: another may take over
    last_attempt_at  BIGINT,
    last_success_at  BIGINT,                     -- of a complete pull
    failures         BIGINT  NOT NULL,           -- in a row
    health           TEXT COLLATE "C" NOT NULL,           -- healthy | degraded | failing | needs-credentials | waiting | silent | new
    health_params    TEXT COLLATE "C",                       -- JSON: code and parameters
    settings_digest  TEXT COLLATE "C",                       -- of the settings under which a plan was last applied
    announced        BIGINT  NOT NULL,           -- leavers more than the limit that an admin has announced
    announced_until  BIGINT,
    PRIMARY KEY (tenant, connection_id)
);
CREATE INDEX schedules_next ON schedules (next_at);

CREATE TABLE runs (
    tenant           TEXT COLLATE "C" NOT NULL,
    id               TEXT COLLATE "C" NOT NULL,           -- UUIDv7: in the order of time
    connection_id    TEXT COLLATE "C" NOT NULL,
    kind             TEXT COLLATE "C" NOT NULL,           -- scheduled | manual | dry
    state            TEXT COLLATE "C" NOT NULL,           -- running | waiting | done | failed | discarded | undone
    stage            TEXT COLLATE "C" NOT NULL,           -- fetch | plan | apply | report
    actor_kind       TEXT COLLATE "C" NOT NULL,
    actor_id         TEXT COLLATE "C" NOT NULL,
    as_of            TEXT COLLATE "C" NOT NULL,           -- day for which the records were read
    started_at       BIGINT  NOT NULL,
    finished_at      BIGINT,
    planned          BIGINT  NOT NULL,           -- items so far
    applied          BIGINT  NOT NULL,           -- items behind it: where a killed run goes on
    lost             BIGINT  NOT NULL,           -- people who lost access by it
    is_complete      BOOLEAN NOT NULL,
    evidence         TEXT COLLATE "C",                       -- JSON: counts and gaps of the pull
    counts           TEXT COLLATE "C",                       -- JSON: how many of each action
    why_held         TEXT COLLATE "C",                       -- code
    error            TEXT COLLATE "C",                       -- JSON: kind, code, parameters
    settings_digest  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX runs_connection ON runs (tenant, connection_id, id);

-- What a run means to do, one row a person. An unchanged person has none.
CREATE TABLE run_items (
    tenant     TEXT COLLATE "C" NOT NULL,
    run_id     TEXT COLLATE "C" NOT NULL,
    ordinal    BIGINT  NOT NULL,
    source_id  TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL,                 -- user; '' where there is none yet
    action     TEXT COLLATE "C" NOT NULL,                 -- create | adopt | update | leave | absent | conflict | reject | …
    state      TEXT COLLATE "C" NOT NULL,                 -- planned | applied | held | failed | skipped
    loses      BOOLEAN NOT NULL,                 -- takes access away
    person     TEXT COLLATE "C",                             -- JSON: the record as mapped; NULL for who is absent
    effect     TEXT COLLATE "C",                             -- JSON: access before and after, units, reason
    PRIMARY KEY (tenant, run_id, ordinal)
);
CREATE INDEX run_items_subject ON run_items (tenant, subject);
CREATE INDEX run_items_source ON run_items (tenant, run_id, source_id);

-- Losses of access that wait for an admin. An approval names people, not a run.
CREATE TABLE held_losses (
    tenant         TEXT COLLATE "C" NOT NULL,
    connection_id  TEXT COLLATE "C" NOT NULL,
    source_id      TEXT COLLATE "C" NOT NULL,
    subject        TEXT COLLATE "C" NOT NULL,              -- user
    reason         TEXT COLLATE "C" NOT NULL,              -- code of the loss; an approval holds while it is the same
    why            TEXT COLLATE "C" NOT NULL,              -- why it is held
    state          TEXT COLLATE "C" NOT NULL,              -- waiting | approved | discarded
    digest         TEXT COLLATE "C"  NOT NULL,              -- of the record; a discarded loss comes back when it changes
    run_id         TEXT COLLATE "C" NOT NULL,              -- that last saw it
    since          BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection_id, source_id)
);
CREATE INDEX held_losses_subject ON held_losses (tenant, subject);
