-- Credentials of connections, sealed: tenant, connection, name and key are bound to each text, so that a row that was
-- moved does not open.

CREATE TABLE connection_secrets (
    tenant         TEXT   NOT NULL,
    connection_id  TEXT   NOT NULL,
    name           TEXT   NOT NULL,              -- as the connector calls it
    key_id         TEXT   NOT NULL,              -- of the key that opens it
    sealed         TEXT   NOT NULL,              -- base64url: nonce, then XChaCha20-Poly1305; empty when it is lost
    state          TEXT   NOT NULL,              -- held | damaged | lost
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection_id, name)
);
CREATE INDEX connection_secrets_key ON connection_secrets (key_id, tenant, connection_id, name);

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('connection_secrets', 'sqlite_autoindex_connection_secrets_1', '3000 10 3 1'),
    ('connection_secrets', 'connection_secrets_key', '3000 3000 10 3 1');
