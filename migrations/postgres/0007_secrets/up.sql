-- Credentials of connections, sealed: tenant, connection, name and key are bound to each text, so that a row that was
-- moved does not open.

CREATE TABLE connection_secrets (
    tenant         TEXT COLLATE "C" NOT NULL,
    connection_id  TEXT COLLATE "C" NOT NULL,
    name           TEXT COLLATE "C" NOT NULL,    -- as the connector calls it
    key_id         TEXT COLLATE "C" NOT NULL,    -- of the key that opens it
    sealed         TEXT COLLATE "C" NOT NULL,    -- base64url: nonce, then XChaCha20-Poly1305; empty when it is lost
    state          TEXT COLLATE "C" NOT NULL,    -- held | damaged | lost
    updated_at     BIGINT           NOT NULL,
    PRIMARY KEY (tenant, connection_id, name)
);
CREATE INDEX connection_secrets_key ON connection_secrets (key_id, tenant, connection_id, name);
