-- Consents that were asked for and are under way: at most one a connection. The ticket is in the link and in a cookie; here
-- is its hash. What came back waits, sealed, for the pull that exchanges it.

CREATE TABLE consents (
    tenant         TEXT COLLATE "C" NOT NULL,
    connection_id  TEXT COLLATE "C" NOT NULL,
    ticket         TEXT COLLATE "C" NOT NULL,    -- SHA-256, hex
    redirect       TEXT COLLATE "C" NOT NULL,    -- the address to which the vendor sends the browser back
    state          TEXT COLLATE "C" NOT NULL,    -- asked | given
    key_id         TEXT COLLATE "C",             -- of the key that opens it; once it is given
    sealed         TEXT COLLATE "C",             -- JSON: code and verifier
    expires_at     BIGINT           NOT NULL,
    PRIMARY KEY (tenant, connection_id)
);
