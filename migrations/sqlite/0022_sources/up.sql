-- Several sources: whose value is in force (its recomputation), and the switch from one HR system to another.

ALTER TABLE connections ADD COLUMN rank_at BIGINT;  -- age in precedence, where it took the place of another; NULL: created_at

-- The last recomputation of everybody after the order of sources changed; one a tenant.
CREATE TABLE recomputes (
    tenant       TEXT   NOT NULL,
    state        TEXT   NOT NULL,                  -- running | done
    after        TEXT   NOT NULL,                  -- people up to this id are done
    examined     BIGINT NOT NULL,
    changed      BIGINT NOT NULL,
    actor_kind   TEXT   NOT NULL,                  -- who changed the setting
    actor_id     TEXT   NOT NULL,
    started_at   BIGINT NOT NULL,
    touched_at   BIGINT NOT NULL,                -- a running one that nobody touched for a while is gone on with
    finished_at  BIGINT,
    PRIMARY KEY (tenant)
);

-- Switches from one pull connection to another.
CREATE TABLE switches (
    tenant       TEXT   NOT NULL,
    id           TEXT   NOT NULL,
    from_id      TEXT   NOT NULL,                  -- connection that goes
    to_id        TEXT   NOT NULL,                  -- connection that takes its place
    state        TEXT   NOT NULL,                  -- comparing | cutting | cut | returning | given-up | ended
    until        BIGINT,                         -- as long as there is a way back
    actor_kind   TEXT   NOT NULL,                  -- who decided last
    actor_id     TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    touched_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('recomputes', 'sqlite_autoindex_recomputes_1', '1000 1'),
    ('switches', 'sqlite_autoindex_switches_1', '1000 10 1');
