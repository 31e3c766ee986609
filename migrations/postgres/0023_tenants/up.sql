-- Tenants as the app's sign-up code knows them, what their plans include, and how they are deleted.

ALTER TABLE tenants ADD COLUMN account_id TEXT COLLATE "C";      -- what the app calls the account; NULL: made by hand
ALTER TABLE tenants ADD COLUMN made_of TEXT COLLATE "C";         -- SHA-256 of the request that made it, to tell the same one when it comes again
ALTER TABLE tenants ADD COLUMN entitlements TEXT COLLATE "C";    -- JSON: the plan, and what of the plan before still holds; NULL: everything
ALTER TABLE tenants ADD COLUMN state_before TEXT COLLATE "C";    -- of one that is deleted: what it is after a restore
ALTER TABLE tenants ADD COLUMN delete_at BIGINT;     -- of one that is deleted: when its data goes
CREATE UNIQUE INDEX tenants_account ON tenants (account_id) WHERE account_id IS NOT NULL;

-- Whoever is invited or granted takes a seat.
CREATE INDEX users_seats ON users (tenant) WHERE access IN ('invited', 'granted');

-- Whom a source would let in, and who waits for a seat.
CREATE INDEX users_no_seat ON users (tenant, access_since, id) WHERE access_reason = 'no-seat';

-- Tenants whose data is gone or on its way: rows of the operator's own tenant, kept as proof.
CREATE TABLE deletions (
    tenant       TEXT COLLATE "C"   NOT NULL,                    -- the operator's own
    id           TEXT COLLATE "C"   NOT NULL,                    -- that of the tenant that is deleted
    name         TEXT COLLATE "C"   NOT NULL,
    account_id   TEXT COLLATE "C",
    epoch        BIGINT NOT NULL,                    -- where its journal ended
    sequence     BIGINT NOT NULL,
    hash         TEXT COLLATE "C"   NOT NULL,
    counts       TEXT COLLATE "C"   NOT NULL,                    -- JSON: rows deleted so far, by table
    began_at     BIGINT NOT NULL,
    finished_at  BIGINT,
    receipt      TEXT COLLATE "C",                               -- JSON with its own hash; NULL until all is gone
    PRIMARY KEY (tenant, id)
);
