-- Several sources: whose value is in force (its recomputation), and the switch from one HR system to another.

ALTER TABLE connections ADD COLUMN rank_at BIGINT;  -- age in precedence, where it took the place of another; NULL: created_at

-- The last recomputation of everybody after the order of sources changed; one a tenant.
CREATE TABLE recomputes (
    tenant       TEXT COLLATE "C" NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,                  -- running | done
    after        TEXT COLLATE "C" NOT NULL,                  -- people up to this id are done
    examined     BIGINT NOT NULL,
    changed      BIGINT NOT NULL,
    actor_kind   TEXT COLLATE "C" NOT NULL,                  -- who changed the setting
    actor_id     TEXT COLLATE "C" NOT NULL,
    started_at   BIGINT NOT NULL,
    touched_at   BIGINT NOT NULL,                -- a running one that nobody touched for a while is gone on with
    finished_at  BIGINT,
    PRIMARY KEY (tenant)
);

-- Switches from one pull connection to another.
CREATE TABLE switches (
    tenant       TEXT COLLATE "C" NOT NULL,
    id           TEXT COLLATE "C" NOT NULL,
    from_id      TEXT COLLATE "C" NOT NULL,                  -- connection that goes
    to_id        TEXT COLLATE "C" NOT NULL,                  -- connection that takes its place
    state        TEXT COLLATE "C" NOT NULL,                  -- comparing | cutting | cut | returning | given-up | ended
    until        BIGINT,                         -- as long as there is a way back
    actor_kind   TEXT COLLATE "C" NOT NULL,                  -- who decided last
    actor_id     TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    touched_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
