-- The app as a source: what it says of its users beside what SCIM has, who reviews its teams, and its imports.

ALTER TABLE claims ADD COLUMN entity TEXT;       -- of the app's claim: the entity to which it counts the user

CREATE TABLE reviewers (
    tenant    TEXT   NOT NULL,
    group_id  TEXT   NOT NULL,                   -- a team
    user_id   TEXT   NOT NULL,
    PRIMARY KEY (tenant, group_id, user_id)
) WITHOUT ROWID;
CREATE INDEX reviewers_user ON reviewers (tenant, user_id, group_id);

-- Imports of the last days: how far each came, so that one that was cut off is gone on with.
CREATE TABLE app_imports (
    tenant      TEXT   NOT NULL,
    id          TEXT   NOT NULL,
    kind        TEXT   NOT NULL,                 -- users | teams
    mode        TEXT   NOT NULL,                 -- upsert | reconcile
    state       TEXT   NOT NULL,                 -- open | finished
    lines       BIGINT NOT NULL,                 -- up to this line everything was taken
    failed      BIGINT NOT NULL,                 -- lines that were refused
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- Whom an import that is open has named, by the app's ids; gone with its end.
CREATE TABLE app_seen (
    tenant     TEXT   NOT NULL,
    import_id  TEXT   NOT NULL,
    item       TEXT   NOT NULL,
    line       BIGINT NOT NULL,
    PRIMARY KEY (tenant, import_id, item)
) WITHOUT ROWID;

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('reviewers', 'reviewers', '20000 20000 2 1'),
    ('reviewers', 'reviewers_user', '20000 20000 2 1'),
    ('app_imports', 'sqlite_autoindex_app_imports_1', '100 50 1'),
    ('app_seen', 'app_seen', '1000000 1000000 500000 1');
