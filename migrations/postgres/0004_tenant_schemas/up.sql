-- Schemas that a tenant adds to the built-in ones; those of the operator's own tenant are for all tenants.

CREATE TABLE tenant_schemas (
    tenant      TEXT COLLATE "C" NOT NULL,
    urn         TEXT COLLATE "C" NOT NULL,       -- lower case; the document has its spelling
    document    TEXT COLLATE "C" NOT NULL,       -- as published, every default written out
    version     BIGINT           NOT NULL,
    created_at  BIGINT           NOT NULL,
    updated_at  BIGINT           NOT NULL,
    PRIMARY KEY (tenant, urn)
);
