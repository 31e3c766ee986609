-- The push side's safety: what a connection may take access from in an hour, what waits beyond that, and the sessions into
-- which its changes are gathered (docs/decisions/0021).

-- One row for each connection that pushed a loss of access, or of which leavers are announced.
CREATE TABLE push_guards (
    tenant           TEXT COLLATE "C"   NOT NULL,
    connection_id    TEXT COLLATE "C"   NOT NULL,
    counted_at       BIGINT NOT NULL,            -- when its people with access were last counted
    granted          BIGINT NOT NULL,            -- how many there were an hour before that, at least
    announced        BIGINT NOT NULL,            -- leavers that an admin announced
    announced_at     BIGINT,
    announced_until  BIGINT,
    PRIMARY KEY (tenant, connection_id)
);

-- Who lost access by a connection, and when last; as long as an announcement may ask for it.
CREATE TABLE push_losses (
    tenant         TEXT COLLATE "C"   NOT NULL,
    connection_id  TEXT COLLATE "C"   NOT NULL,
    user_id        TEXT COLLATE "C"   NOT NULL,
    at             BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection_id, user_id)
);
CREATE INDEX push_losses_at ON push_losses (tenant, connection_id, at);
CREATE INDEX push_losses_old ON push_losses (tenant, at);
CREATE INDEX push_losses_user ON push_losses (tenant, user_id);

-- Losses of access beyond the limit: the connection reads back what it wrote, access stays.
CREATE TABLE parked_losses (
    tenant         TEXT COLLATE "C"   NOT NULL,
    connection_id  TEXT COLLATE "C"   NOT NULL,
    user_id        TEXT COLLATE "C"   NOT NULL,
    state          TEXT COLLATE "C"   NOT NULL,              -- waiting | approved (being carried out) | dropped
    reason         TEXT COLLATE "C"   NOT NULL,              -- code: what the connection said
    session_id     TEXT COLLATE "C"   NOT NULL,              -- in which it last said so; empty: in none
    since          BIGINT NOT NULL,
    decided_at     BIGINT,
    decider_kind   TEXT COLLATE "C",
    decider_id     TEXT COLLATE "C",
    PRIMARY KEY (tenant, connection_id, user_id)
);
CREATE INDEX parked_losses_user ON parked_losses (tenant, user_id);
CREATE INDEX parked_losses_approved ON parked_losses (state, tenant, connection_id) WHERE state = 'approved';

-- What a connection pushed without a longer pause. What it did to whom is in run_changes, by the session's id.
CREATE TABLE push_sessions (
    tenant         TEXT COLLATE "C"   NOT NULL,
    id             TEXT COLLATE "C"   NOT NULL,
    connection_id  TEXT COLLATE "C"   NOT NULL,
    state          TEXT COLLATE "C"   NOT NULL,              -- open | done | undoing | undone
    started_at     BIGINT NOT NULL,
    last_at        BIGINT NOT NULL,
    changes        BIGINT NOT NULL,              -- requests that changed something
    lost           BIGINT NOT NULL,              -- people who lost access
    parked         BIGINT NOT NULL,              -- people whose loss of access was parked
    decided_at     BIGINT,
    decider_kind   TEXT COLLATE "C",
    decider_id     TEXT COLLATE "C",
    PRIMARY KEY (tenant, id)
);
CREATE INDEX push_sessions_of ON push_sessions (tenant, connection_id, id);
CREATE UNIQUE INDEX push_sessions_open ON push_sessions (tenant, connection_id) WHERE state = 'open';
CREATE INDEX push_sessions_wanted ON push_sessions (state, tenant, id) WHERE state = 'undoing';

CREATE INDEX users_break_glass ON users (tenant, id) WHERE break_glass;
