-- People who may be one: somebody whom only the app knows, and somebody whom only a source knows. Keys are kept for these
-- two kinds of people alone, so that whoever comes is compared by an index and nobody is looked through.

CREATE TABLE pair_keys (
    tenant   TEXT   NOT NULL,
    user_id  TEXT   NOT NULL,
    key      TEXT   NOT NULL,                    -- kind, colon, normalised value: n:lee ann | l:annlee | a:ann@x.test | e:4711
    side     TEXT   NOT NULL,                    -- app | source
    since    BIGINT NOT NULL,                    -- when it came
    PRIMARY KEY (tenant, user_id, key)
) WITHOUT ROWID;
CREATE INDEX pair_keys_key ON pair_keys (tenant, side, key, user_id);
CREATE INDEX pair_keys_since ON pair_keys (tenant, since);

-- Proposals, one a pair. Until the source's record is applied there is nobody on its side: other_id is NULL then.
CREATE TABLE pairs (
    tenant         TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    connection_id  TEXT   NOT NULL,
    record         TEXT   NOT NULL,              -- pull: the vendor's id; push: the id under which the source knows her
    user_id        TEXT   NOT NULL,              -- whom only the app knows
    other_id       TEXT,                         -- whom only the source knows
    run_id         TEXT,                         -- the look at a plan that saw the record
    reasons        TEXT   NOT NULL,              -- JSON array of codes
    state          TEXT   NOT NULL,              -- open | later | linking | linked | kept-apart
    later_until    BIGINT,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX pairs_record ON pairs (tenant, connection_id, record, user_id);
CREATE INDEX pairs_user ON pairs (tenant, user_id);
CREATE INDEX pairs_other ON pairs (tenant, other_id) WHERE other_id IS NOT NULL;
CREATE INDEX pairs_state ON pairs (tenant, state, id);

-- Up to when the keys were compared for a connection; an empty connection: keys were made for people of before.
CREATE TABLE pair_marks (
    tenant         TEXT   NOT NULL,
    connection_id  TEXT   NOT NULL,
    until          BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection_id)
);

ALTER TABLE connections ADD COLUMN disconnected_at BIGINT;  -- links and answers are kept for a while from then on

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('pair_keys', 'pair_keys', '400000 400000 4 1'),
    ('pair_keys', 'pair_keys_key', '400000 400000 200000 2 1'),
    ('pair_keys', 'pair_keys_since', '400000 400000 4'),
    ('pairs', 'sqlite_autoindex_pairs_1', '10000 10000 1'),
    ('pairs', 'pairs_record', '10000 10000 5000 1 1'),
    ('pairs', 'pairs_user', '10000 10000 2'),
    ('pairs', 'pairs_other', '10000 10000 2'),
    ('pairs', 'pairs_state', '10000 10000 3000 1'),
    ('pair_marks', 'sqlite_autoindex_pair_marks_1', '1000 2 1');
