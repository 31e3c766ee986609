-- The spine: tenants, credentials, connections, people, claims, groups, memberships, conflicts, journal.
-- Every primary key, unique index and foreign key starts with the tenant, except those of the named global tables
-- (tenants, credential_index, invalidations). Times are milliseconds since 1970-01-01 UTC. The SQLite tree holds
-- the same columns; a test compares them. Texts compare and sort as bytes (COLLATE "C").

CREATE TABLE tenants (
    id          TEXT COLLATE "C"   NOT NULL PRIMARY KEY,
    name        TEXT COLLATE "C"   NOT NULL UNIQUE,          -- slug, unique in the installation
    state       TEXT COLLATE "C"   NOT NULL,                 -- active | suspended
    settings    TEXT COLLATE "C",                            -- JSON: verified domains, days until a return needs a new decision, …
    created_at  BIGINT NOT NULL
);

CREATE TABLE credential_index (
    hash           TEXT COLLATE "C" NOT NULL PRIMARY KEY,    -- SHA-256 of the secret, hex
    tenant         TEXT COLLATE "C" NOT NULL,
    kind           TEXT COLLATE "C" NOT NULL,                -- token
    credential_id  TEXT COLLATE "C" NOT NULL
);

CREATE TABLE invalidations (
    id      TEXT COLLATE "C"   NOT NULL PRIMARY KEY,
    tenant  TEXT COLLATE "C"   NOT NULL,
    kind    TEXT COLLATE "C"   NOT NULL,                     -- credential | connection | settings
    key     TEXT COLLATE "C"   NOT NULL,
    at      BIGINT NOT NULL
);
CREATE INDEX invalidations_at ON invalidations (at);

CREATE TABLE credentials (
    tenant         TEXT COLLATE "C"   NOT NULL,
    id             TEXT COLLATE "C"   NOT NULL,
    hash           TEXT COLLATE "C"   NOT NULL,
    role           TEXT COLLATE "C"   NOT NULL,              -- connection | app | auditor | tenant-admin | operator
    connection_id  TEXT COLLATE "C",                         -- for role connection
    label          TEXT COLLATE "C"   NOT NULL,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT,
    revoked_at     BIGINT,
    last_used_at   BIGINT,                       -- coarse: written at most once an hour
    PRIMARY KEY (tenant, id)
);

CREATE TABLE connections (
    tenant         TEXT COLLATE "C"   NOT NULL,
    id             TEXT COLLATE "C"   NOT NULL,
    kind           TEXT COLLATE "C"   NOT NULL,              -- scim | hris | app
    preset         TEXT COLLATE "C"   NOT NULL,              -- okta | entra | generic | strict | …
    label          TEXT COLLATE "C"   NOT NULL,
    joiner_policy  TEXT COLLATE "C"   NOT NULL,              -- list | invite | grant
    state          TEXT COLLATE "C"   NOT NULL,              -- active | paused | disconnected
    created_at     BIGINT NOT NULL,              -- age decides ties of precedence
    only_users     BIGINT NOT NULL,              -- claims not ended on users that are not public
    hidden_users   BIGINT NOT NULL,              -- ended claims on public users
    managed_groups BIGINT NOT NULL,
    settings       TEXT COLLATE "C",
    PRIMARY KEY (tenant, id)
);
-- The app's own users have one connection.
CREATE UNIQUE INDEX connections_app ON connections (tenant) WHERE kind = 'app';

-- Head of the chain and totals; locked first by every batch that writes for the tenant.
CREATE TABLE heads (
    tenant            TEXT COLLATE "C"   NOT NULL PRIMARY KEY,
    epoch             BIGINT NOT NULL,
    sequence          BIGINT NOT NULL,
    hash              TEXT COLLATE "C"   NOT NULL,
    entries           BIGINT NOT NULL,
    users             BIGINT NOT NULL,           -- without tombstones
    public_users      BIGINT NOT NULL,           -- invited, granted or revoked
    "groups"          BIGINT NOT NULL,
    unmanaged_groups  BIGINT NOT NULL
);

-- One effective document a person. 
CREATE TABLE users (
    tenant             TEXT COLLATE "C"    NOT NULL,
    id                 TEXT COLLATE "C"    NOT NULL,
    doc                JSONB    NOT NULL,         -- effective document, JSON
    match_doc          JSONB    NOT NULL,         -- the same tree, folded for comparison
    user_name          TEXT COLLATE "C"    NOT NULL,
    user_name_key      TEXT COLLATE "C"    NOT NULL,
    display_name       TEXT COLLATE "C",
    display_name_key   TEXT COLLATE "C",
    manager_id         TEXT COLLATE "C",
    access             TEXT COLLATE "C"    NOT NULL,         -- listed | invited | granted | revoked
    access_reason      TEXT COLLATE "C"    NOT NULL,         -- code
    access_params      TEXT COLLATE "C",                     -- JSON object of the code's parameters
    access_since       BIGINT  NOT NULL,
    sticky             BOOLEAN NOT NULL,         -- revoked or removed by a human: no source lifts it
    has_access         BOOLEAN NOT NULL,
    is_public          BOOLEAN NOT NULL,         -- access invited, granted or revoked, and no tombstone
    written_by_others  BOOLEAN NOT NULL,         -- by an admin or the app: the sole claim is materialised
    admin_role         TEXT COLLATE "C",                     -- tenant-admin | operator: never adopted automatically
    break_glass        BOOLEAN NOT NULL,
    removed_at         BIGINT,                   -- a tombstone
    merged_into        TEXT COLLATE "C",
    source_epoch       BIGINT  NOT NULL,
    version            BIGINT  NOT NULL,         -- any change
    doc_version        BIGINT  NOT NULL,         -- document, its active, its externalId
    created_at         BIGINT  NOT NULL,
    updated_at         BIGINT  NOT NULL,
    doc_updated_at     BIGINT  NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX users_public_user_name ON users (tenant, user_name_key) WHERE is_public;
CREATE INDEX users_user_name ON users (tenant, user_name_key);
CREATE INDEX users_public ON users (tenant, id) WHERE is_public;
CREATE INDEX users_display_name ON users (tenant, display_name_key) WHERE display_name_key IS NOT NULL;
CREATE INDEX users_updated ON users (tenant, updated_at);
CREATE INDEX users_manager ON users (tenant, manager_id) WHERE manager_id IS NOT NULL;

-- Look-up table and address history in one. view: '' for the effective document, else a connection with an own view.
CREATE TABLE emails (
    tenant      TEXT COLLATE "C"    NOT NULL,
    view        TEXT COLLATE "C"    NOT NULL,
    user_id     TEXT COLLATE "C"    NOT NULL,
    key         TEXT COLLATE "C"    NOT NULL,                -- identity key (NFC, lower case, domain as A-label)
    type        TEXT COLLATE "C"    NOT NULL,                -- '' when the address has none
    fold        TEXT COLLATE "C"    NOT NULL,                -- filter folding of the value
    is_primary  BOOLEAN NOT NULL,
    until       BIGINT,                          -- no longer in the document since
    PRIMARY KEY (tenant, user_id, view, key, type)
);
CREATE INDEX emails_key ON emails (tenant, view, key);
CREATE INDEX emails_fold ON emails (tenant, view, fold);

CREATE TABLE claims (
    tenant         TEXT COLLATE "C"    NOT NULL,
    user_id        TEXT COLLATE "C"    NOT NULL,
    connection_id  TEXT COLLATE "C"    NOT NULL,
    state          TEXT COLLATE "C"    NOT NULL,             -- live | pending | parked | ended
    external_id    TEXT COLLATE "C",
    active         BOOLEAN,                      -- as this source last asserted it; NULL: it never did
    asserted       TEXT COLLATE "C",                         -- JSON; NULL while this is the only writer of the user
    held           TEXT COLLATE "C",                         -- JSON array of units
    view_doc       JSONB,                         -- own view, while it differs from the effective document
    view_match     JSONB,
    user_name      TEXT COLLATE "C",                         -- of the own view; of an ended claim: as the source left it
    user_name_key  TEXT COLLATE "C",
    display_name_key TEXT COLLATE "C",
    manager_id     TEXT COLLATE "C",              -- of the own view
    scim_id        TEXT COLLATE "C",                         -- the id this connection knows; NULL: the user's own
    version        BIGINT,                       -- of the own view; NULL: the user's doc_version
    updated_at     BIGINT,
    user_public    BOOLEAN NOT NULL,
    created_at     BIGINT  NOT NULL,
    ended_at       BIGINT,
    PRIMARY KEY (tenant, user_id, connection_id)
);
CREATE INDEX claims_view ON claims (tenant, connection_id, user_public, state, user_id);
CREATE INDEX claims_external_id ON claims (tenant, connection_id, external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX claims_scim_id ON claims (tenant, connection_id, scim_id) WHERE scim_id IS NOT NULL;
CREATE INDEX claims_user_name ON claims (tenant, connection_id, user_name_key) WHERE user_name_key IS NOT NULL;
CREATE INDEX claims_display_name ON claims (tenant, connection_id, display_name_key) WHERE display_name_key IS NOT NULL;

CREATE TABLE "groups" (
    tenant            TEXT COLLATE "C"    NOT NULL,
    id                TEXT COLLATE "C"    NOT NULL,
    kind              TEXT COLLATE "C"    NOT NULL,          -- group | team
    doc               JSONB    NOT NULL,
    match_doc         JSONB    NOT NULL,
    display_name      TEXT COLLATE "C"    NOT NULL,
    display_name_key  TEXT COLLATE "C"    NOT NULL,
    managed_by        TEXT COLLATE "C",                      -- connection
    created_by        TEXT COLLATE "C",                      -- connection; it may delete the group
    external_id       TEXT COLLATE "C",                      -- of the managing connection
    generation        BIGINT  NOT NULL,          -- of its memberships
    version           BIGINT  NOT NULL,
    created_at        BIGINT  NOT NULL,
    updated_at        BIGINT  NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX groups_display_name ON "groups" (tenant, display_name_key);
CREATE INDEX groups_managed_by ON "groups" (tenant, managed_by, kind, id);
CREATE INDEX groups_external_id ON "groups" (tenant, managed_by, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX groups_updated ON "groups" (tenant, updated_at);

CREATE TABLE memberships (
    tenant       TEXT COLLATE "C"   NOT NULL,
    group_id     TEXT COLLATE "C"   NOT NULL,
    generation   BIGINT NOT NULL,
    user_id      TEXT COLLATE "C"   NOT NULL,
    member_type  TEXT COLLATE "C"   NOT NULL,                -- User | Group
    PRIMARY KEY (tenant, group_id, generation, user_id)
);
CREATE UNIQUE INDEX memberships_user ON memberships (tenant, user_id, group_id, generation);

-- Open questions for a human, one per connection and asserted keys.
CREATE TABLE conflicts (
    tenant         TEXT COLLATE "C"   NOT NULL,
    id             TEXT COLLATE "C"   NOT NULL,
    connection_id  TEXT COLLATE "C"   NOT NULL,
    key            TEXT COLLATE "C"   NOT NULL,              -- SHA-256 of the asserted keys
    kind           TEXT COLLATE "C"   NOT NULL,              -- code
    subject        TEXT COLLATE "C"   NOT NULL,              -- the user that the source got
    candidates     TEXT COLLATE "C"   NOT NULL,              -- JSON array of user ids
    params         TEXT COLLATE "C",                         -- JSON
    state          TEXT COLLATE "C"   NOT NULL,              -- open | linked | kept-apart
    seen           BIGINT NOT NULL,              -- how often the source came back with it
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX conflicts_key ON conflicts (tenant, connection_id, key);
CREATE INDEX conflicts_subject ON conflicts (tenant, subject);

-- The journal: one entry a change, hash-chained (docs/JOURNAL.md has the byte layout).
CREATE TABLE journal (
    tenant        TEXT COLLATE "C"   NOT NULL,
    sequence      BIGINT NOT NULL,
    epoch         BIGINT NOT NULL,
    at            BIGINT NOT NULL,
    actor_kind    TEXT COLLATE "C"   NOT NULL,
    actor_id      TEXT COLLATE "C"   NOT NULL,
    cause_kind    TEXT COLLATE "C"   NOT NULL,
    cause_id      TEXT COLLATE "C"   NOT NULL,
    action        TEXT COLLATE "C"   NOT NULL,
    subject_kind  TEXT COLLATE "C"   NOT NULL,
    subject_id    TEXT COLLATE "C"   NOT NULL,
    object_kind   TEXT COLLATE "C",
    object_id     TEXT COLLATE "C",
    reason        TEXT COLLATE "C",
    changes       TEXT COLLATE "C"   NOT NULL,               -- JSON array of [path, commitment before, commitment after]
    hash          TEXT COLLATE "C"   NOT NULL,
    PRIMARY KEY (tenant, sequence)
);
CREATE INDEX journal_at ON journal (tenant, at, sequence);
CREATE INDEX journal_actor ON journal (tenant, actor_id, sequence);
CREATE INDEX journal_subject ON journal (tenant, subject_id, sequence);
CREATE INDEX journal_object ON journal (tenant, object_id, sequence) WHERE object_id IS NOT NULL;
CREATE INDEX journal_action ON journal (tenant, action, sequence);

-- The values behind the commitments; the only part of the journal that an erasure removes.
CREATE TABLE journal_values (
    tenant    TEXT COLLATE "C"   NOT NULL,
    sequence  BIGINT NOT NULL,
    ordinal   BIGINT NOT NULL,                   -- index into changes
    side      TEXT COLLATE "C"   NOT NULL,                   -- before | after
    subject   TEXT COLLATE "C"   NOT NULL,                   -- whose value it is
    salt      TEXT COLLATE "C"   NOT NULL,                   -- 32 bytes, hex
    value     TEXT COLLATE "C"   NOT NULL,                   -- canonical JSON (RFC 8785)
    PRIMARY KEY (tenant, sequence, ordinal, side)
);
CREATE INDEX journal_values_subject ON journal_values (tenant, subject);
