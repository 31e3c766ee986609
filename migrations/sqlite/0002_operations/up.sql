-- What operating takes: which servers run, and which schema is the oldest that a program may know and still run here
-- (docs/decisions/0004). Both tables are global.

CREATE TABLE leases (
    name    TEXT   NOT NULL PRIMARY KEY,         -- replica/‹id›: a running server
    holder  TEXT   NOT NULL,                     -- its version
    since   BIGINT NOT NULL,
    until   BIGINT NOT NULL                      -- renewed every few seconds; past: it is gone
);

-- A migration that an older program cannot live with adds its own version here, and its down.sql takes it out.
CREATE TABLE schema_floor (
    version  TEXT NOT NULL PRIMARY KEY
);
INSERT INTO schema_floor (version) VALUES ('0001');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('leases', 'sqlite_autoindex_leases_1', '10 1'),
    ('schema_floor', 'sqlite_autoindex_schema_floor_1', '10 1');
