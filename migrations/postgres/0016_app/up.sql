-- The app as a source: what it says of its users beside what SCIM has, who reviews its teams, and its imports.

ALTER TABLE claims ADD COLUMN entity TEXT COLLATE "C";       -- of the app's claim: the entity to which it counts the user

CREATE TABLE reviewers (
    tenant    TEXT COLLATE "C" NOT NULL,
    group_id  TEXT COLLATE "C" NOT NULL,                   -- a team
    user_id   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, group_id, user_id)
);
CREATE INDEX reviewers_user ON reviewers (tenant, user_id, group_id);

-- Imports of the last days: how far each came, so that one that was cut off is gone on with.
CREATE TABLE app_imports (
    tenant      TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,                 -- users | teams
    mode        TEXT COLLATE "C" NOT NULL,                 -- upsert | reconcile
    state       TEXT COLLATE "C" NOT NULL,                 -- open | finished
    lines       BIGINT NOT NULL,                 -- up to this line everything was taken
    failed      BIGINT NOT NULL,                 -- lines that were refused
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- Whom an import that is open has named, by the app's ids; gone with its end.
CREATE TABLE app_seen (
    tenant     TEXT COLLATE "C" NOT NULL,
    import_id  TEXT COLLATE "C" NOT NULL,
    item       TEXT COLLATE "C" NOT NULL,
    line       BIGINT NOT NULL,
    PRIMARY KEY (tenant, import_id, item)
);
