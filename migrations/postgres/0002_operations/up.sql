-- What operating takes: which servers run, and which schema is the oldest that a program may know and still run here
-- (docs/decisions/0004). Both tables are global.

CREATE TABLE leases (
    name    TEXT COLLATE "C" NOT NULL PRIMARY KEY,         -- replica/‹id›: a running server
    holder  TEXT COLLATE "C" NOT NULL,                     -- its version
    since   BIGINT NOT NULL,
    until   BIGINT NOT NULL                                -- renewed every few seconds; past: it is gone
);

-- A migration that an older program cannot live with adds its own version here, and its down.sql takes it out.
CREATE TABLE schema_floor (
    version  TEXT COLLATE "C" NOT NULL PRIMARY KEY
);
INSERT INTO schema_floor (version) VALUES ('0001');
