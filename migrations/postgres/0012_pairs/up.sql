-- People who may be one: somebody whom only the app knows, and somebody whom only a source knows. Keys are kept for these
-- two kinds of people alone, so that whoever comes is compared by an index and nobody is looked through.

CREATE TABLE pair_keys (
    tenant   TEXT COLLATE "C" NOT NULL,
    user_id  TEXT COLLATE "C" NOT NULL,
    key      TEXT COLLATE "C" NOT NULL,                    -- kind, colon, normalised value: n:lee ann | l:annlee | a:ann@x.test | e:4711
    side     TEXT COLLATE "C" NOT NULL,                    -- app | source
    since    BIGINT NOT NULL,                    -- when it came
    PRIMARY KEY (tenant, user_id, key)
);
CREATE INDEX pair_keys_key ON pair_keys (tenant, side, key, user_id);
CREATE INDEX pair_keys_since ON pair_keys (tenant, since);

-- Proposals, one a pair. Until the source's record is applied there is nobody on its side: other_id is NULL then.
CREATE TABLE pairs (
    tenant         TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    connection_id  TEXT COLLATE "C" NOT NULL,
    record         TEXT COLLATE "C" NOT NULL,              -- pull: the vendor's id; push: the id under which the source knows her
    user_id        TEXT COLLATE "C" NOT NULL,              -- whom only the app knows
    other_id       TEXT COLLATE "C",                         -- whom only the source knows
    run_id         TEXT COLLATE "C",                         -- the look at a plan that saw the record
    reasons        TEXT COLLATE "C" NOT NULL,              -- JSON array of codes
    state          TEXT COLLATE "C" NOT NULL,              -- open | later | linking | linked | kept-apart
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
    tenant         TEXT COLLATE "C" NOT NULL,
    connection_id  TEXT COLLATE "C" NOT NULL,
    until          BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection_id)
);

ALTER TABLE connections ADD COLUMN disconnected_at BIGINT;  -- links and answers are kept for a while from then on
