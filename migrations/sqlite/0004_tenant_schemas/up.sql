-- Schemas that a tenant adds to the built-in ones; those of the operator's own tenant are for all tenants.

CREATE TABLE tenant_schemas (
    tenant      TEXT   NOT NULL,
    urn         TEXT   NOT NULL,                 -- lower case; the document has its spelling
    document    TEXT   NOT NULL,                 -- as published, every default written out
    version     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, urn)
);

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('tenant_schemas', 'sqlite_autoindex_tenant_schemas_1', '1000 5 1');
