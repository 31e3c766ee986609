-- Consents that were asked for and are under way: at most one a connection. The ticket is in the link and in a cookie; here
-- is its hash. What came back waits, sealed, for the pull that exchanges it.

CREATE TABLE consents (
    tenant         TEXT   NOT NULL,
    connection_id  TEXT   NOT NULL,
    ticket         TEXT   NOT NULL,              -- SHA-256, hex
    redirect       TEXT   NOT NULL,              -- the address to which the vendor sends the browser back
    state          TEXT   NOT NULL,              -- asked | given
    key_id         TEXT,                         -- of the key that opens it; once it is given
    sealed         TEXT,                         -- JSON: code and verifier
    expires_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection_id)
);

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('consents', 'sqlite_autoindex_consents_1', '100 10 1');
