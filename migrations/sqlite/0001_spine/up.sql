-- The spine: tenants, credentials, connections, people, claims, groups, memberships, conflicts, journal.
-- Every primary key, unique index and foreign key starts with the tenant, except those of the named global tables
-- (tenants, credential_index, invalidations). Times are milliseconds since 1970-01-01 UTC. The PostgreSQL tree holds
-- the same columns; a test compares them.

CREATE TABLE tenants (
    id          TEXT   NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL UNIQUE,          -- slug, unique in the installation
    state       TEXT   NOT NULL,                 -- active | suspended
    settings    TEXT,                            -- JSON: verified domains, days until a return needs a new decision, …
    created_at  BIGINT NOT NULL
);

CREATE TABLE credential_index (
    hash           TEXT NOT NULL PRIMARY KEY,    -- SHA-256 of the secret, hex
    tenant         TEXT NOT NULL,
    kind           TEXT NOT NULL,                -- token
    credential_id  TEXT NOT NULL
);

CREATE TABLE invalidations (
    id      TEXT   NOT NULL PRIMARY KEY,
    tenant  TEXT   NOT NULL,
    kind    TEXT   NOT NULL,                     -- credential | connection | settings
    key     TEXT   NOT NULL,
    at      BIGINT NOT NULL
);
CREATE INDEX invalidations_at ON invalidations (at);

CREATE TABLE credentials (
    tenant         TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    hash           TEXT   NOT NULL,
    role           TEXT   NOT NULL,              -- connection | app | auditor | tenant-admin | operator
    connection_id  TEXT,                         -- for role connection
    label          TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT,
    revoked_at     BIGINT,
    last_used_at   BIGINT,                       -- coarse: written at most once an hour
    PRIMARY KEY (tenant, id)
);

CREATE TABLE connections (
    tenant         TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    kind           TEXT   NOT NULL,              -- scim | hris | app
    preset         TEXT   NOT NULL,              -- okta | entra | generic | strict | …
    label          TEXT   NOT NULL,
    joiner_policy  TEXT   NOT NULL,              -- list | invite | grant
    state          TEXT   NOT NULL,              -- active | paused | disconnected
    created_at     BIGINT NOT NULL,              -- age decides ties of precedence
    only_users     BIGINT NOT NULL,              -- claims not ended on users that are not public
    hidden_users   BIGINT NOT NULL,              -- ended claims on public users
    managed_groups BIGINT NOT NULL,
    settings       TEXT,
    PRIMARY KEY (tenant, id)
);
-- The app's own users have one connection.
CREATE UNIQUE INDEX connections_app ON connections (tenant) WHERE kind = 'app';

-- Head of the chain and totals; locked first by every batch that writes for the tenant.
CREATE TABLE heads (
    tenant            TEXT   NOT NULL PRIMARY KEY,
    epoch             BIGINT NOT NULL,
    sequence          BIGINT NOT NULL,
    hash              TEXT   NOT NULL,
    entries           BIGINT NOT NULL,
    users             BIGINT NOT NULL,           -- without tombstones
    public_users      BIGINT NOT NULL,           -- invited, granted or revoked
    "groups"          BIGINT NOT NULL,
    unmanaged_groups  BIGINT NOT NULL
);

-- One effective document a person. A rowid table on purpose: documents spill in WITHOUT ROWID tables.
CREATE TABLE users (
    tenant             TEXT    NOT NULL,
    id                 TEXT    NOT NULL,
    doc                TEXT    NOT NULL,         -- effective document, JSON
    match_doc          TEXT    NOT NULL,         -- the same tree, folded for comparison
    user_name          TEXT    NOT NULL,
    user_name_key      TEXT    NOT NULL,
    display_name       TEXT,
    display_name_key   TEXT,
    manager_id         TEXT,
    access             TEXT    NOT NULL,         -- listed | invited | granted | revoked
    access_reason      TEXT    NOT NULL,         -- code
    access_params      TEXT,                     -- JSON object of the code's parameters
    access_since       BIGINT  NOT NULL,
    sticky             BOOLEAN NOT NULL,         -- revoked or removed by a human: no source lifts it
    has_access         BOOLEAN NOT NULL,
    is_public          BOOLEAN NOT NULL,         -- access invited, granted or revoked, and no tombstone
    written_by_others  BOOLEAN NOT NULL,         -- by an admin or the app: the sole claim is materialised
    admin_role         TEXT,                     -- tenant-admin | operator: never adopted automatically
    break_glass        BOOLEAN NOT NULL,
    removed_at         BIGINT,                   -- a tombstone
    merged_into        TEXT,
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
    tenant      TEXT    NOT NULL,
    view        TEXT    NOT NULL,
    user_id     TEXT    NOT NULL,
    key         TEXT    NOT NULL,                -- identity key (NFC, lower case, domain as A-label)
    type        TEXT    NOT NULL,                -- '' when the address has none
    fold        TEXT    NOT NULL,                -- filter folding of the value
    is_primary  BOOLEAN NOT NULL,
    until       BIGINT,                          -- no longer in the document since
    PRIMARY KEY (tenant, user_id, view, key, type)
) WITHOUT ROWID;
CREATE INDEX emails_key ON emails (tenant, view, key);
CREATE INDEX emails_fold ON emails (tenant, view, fold);

CREATE TABLE claims (
    tenant         TEXT    NOT NULL,
    user_id        TEXT    NOT NULL,
    connection_id  TEXT    NOT NULL,
    state          TEXT    NOT NULL,             -- live | pending | parked | ended
    external_id    TEXT,
    active         BOOLEAN,                      -- as this source last asserted it; NULL: it never did
    asserted       TEXT,                         -- JSON; NULL while this is the only writer of the user
    held           TEXT,                         -- JSON array of units
    view_doc       TEXT,                         -- own view, while it differs from the effective document
    view_match     TEXT,
    user_name      TEXT,                         -- of the own view; of an ended claim: as the source left it
    user_name_key  TEXT,
    display_name_key TEXT,
    manager_id     TEXT,                          -- of the own view
    scim_id        TEXT,                         -- the id this connection knows; NULL: the user's own
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
    tenant            TEXT    NOT NULL,
    id                TEXT    NOT NULL,
    kind              TEXT    NOT NULL,          -- group | team
    doc               TEXT    NOT NULL,
    match_doc         TEXT    NOT NULL,
    display_name      TEXT    NOT NULL,
    display_name_key  TEXT    NOT NULL,
    managed_by        TEXT,                      -- connection
    created_by        TEXT,                      -- connection; it may delete the group
    external_id       TEXT,                      -- of the managing connection
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
    tenant       TEXT   NOT NULL,
    group_id     TEXT   NOT NULL,
    generation   BIGINT NOT NULL,
    user_id      TEXT   NOT NULL,
    member_type  TEXT   NOT NULL,                -- User | Group
    PRIMARY KEY (tenant, group_id, generation, user_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX memberships_user ON memberships (tenant, user_id, group_id, generation);

-- Open questions for a human, one per connection and asserted keys.
CREATE TABLE conflicts (
    tenant         TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    connection_id  TEXT   NOT NULL,
    key            TEXT   NOT NULL,              -- SHA-256 of the asserted keys
    kind           TEXT   NOT NULL,              -- code
    subject        TEXT   NOT NULL,              -- the user that the source got
    candidates     TEXT   NOT NULL,              -- JSON array of user ids
    params         TEXT,                         -- JSON
    state          TEXT   NOT NULL,              -- open | linked | kept-apart
    seen           BIGINT NOT NULL,              -- how often the source came back with it
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX conflicts_key ON conflicts (tenant, connection_id, key);
CREATE INDEX conflicts_subject ON conflicts (tenant, subject);

-- The journal: one entry a change, hash-chained (docs/JOURNAL.md has the byte layout).
CREATE TABLE journal (
    tenant        TEXT   NOT NULL,
    sequence      BIGINT NOT NULL,
    epoch         BIGINT NOT NULL,
    at            BIGINT NOT NULL,
    actor_kind    TEXT   NOT NULL,
    actor_id      TEXT   NOT NULL,
    cause_kind    TEXT   NOT NULL,
    cause_id      TEXT   NOT NULL,
    action        TEXT   NOT NULL,
    subject_kind  TEXT   NOT NULL,
    subject_id    TEXT   NOT NULL,
    object_kind   TEXT,
    object_id     TEXT,
    reason        TEXT,
    changes       TEXT   NOT NULL,               -- JSON array of [path, commitment before, commitment after]
    hash          TEXT   NOT NULL,
    PRIMARY KEY (tenant, sequence)
);
CREATE INDEX journal_at ON journal (tenant, at, sequence);
CREATE INDEX journal_actor ON journal (tenant, actor_id, sequence);
CREATE INDEX journal_subject ON journal (tenant, subject_id, sequence);
CREATE INDEX journal_object ON journal (tenant, object_id, sequence) WHERE object_id IS NOT NULL;
CREATE INDEX journal_action ON journal (tenant, action, sequence);

-- The values behind the commitments; the only part of the journal that an erasure removes.
CREATE TABLE journal_values (
    tenant    TEXT   NOT NULL,
    sequence  BIGINT NOT NULL,
    ordinal   BIGINT NOT NULL,                   -- index into changes
    side      TEXT   NOT NULL,                   -- before | after
    subject   TEXT   NOT NULL,                   -- whose value it is
    salt      TEXT   NOT NULL,                   -- 32 bytes, hex
    value     TEXT   NOT NULL,                   -- canonical JSON (RFC 8785)
    PRIMARY KEY (tenant, sequence, ordinal, side)
) WITHOUT ROWID;
CREATE INDEX journal_values_subject ON journal_values (tenant, subject);

-- What the planner must know and cannot guess: one tenant may hold everybody, so `tenant = ?` alone restricts nothing.
-- Without these rows it takes the first column of a primary key for a good restriction and walks the tenant. The
-- numbers are rows per key of an imagined large tenant; nothing runs ANALYZE, which would replace them by what is
-- there on that day. A test holds that every index has a row.
ANALYZE;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('users', 'sqlite_autoindex_users_1', '1000000 1000000 1'),
    ('users', 'users_public_user_name', '900000 900000 1'),
    ('users', 'users_user_name', '1000000 1000000 2'),
    ('users', 'users_public', '900000 900000 1'),
    ('users', 'users_display_name', '1000000 1000000 4'),
    ('users', 'users_updated', '1000000 1000000 4'),
    ('users', 'users_manager', '900000 900000 20'),
    ('emails', 'emails', '1200000 1200000 2 2 1 1'),
    ('emails', 'emails_key', '1200000 1200000 1000000 2'),
    ('emails', 'emails_fold', '1200000 1200000 1000000 2'),
    ('claims', 'sqlite_autoindex_claims_1', '1500000 1500000 2 1'),
    ('claims', 'claims_view', '1500000 1500000 1000000 500000 400000 1'),
    ('claims', 'claims_external_id', '1500000 1500000 1000000 2'),
    ('claims', 'claims_scim_id', '10000 10000 5000 1'),
    ('claims', 'claims_user_name', '200000 200000 100000 2'),
    ('claims', 'claims_display_name', '100000 100000 50000 4'),
    ('groups', 'sqlite_autoindex_groups_1', '100000 100000 1'),
    ('groups', 'groups_display_name', '100000 100000 2'),
    ('groups', 'groups_managed_by', '100000 100000 50000 40000 1'),
    ('groups', 'groups_external_id', '100000 100000 50000 2'),
    ('groups', 'groups_updated', '100000 100000 4'),
    ('memberships', 'memberships', '5000000 5000000 5000 4000 1'),
    ('memberships', 'memberships_user', '5000000 5000000 20 1 1'),
    ('connections', 'sqlite_autoindex_connections_1', '100 100 1'),
    ('connections', 'connections_app', '1 1'),
    ('credentials', 'sqlite_autoindex_credentials_1', '100 100 1'),
    ('conflicts', 'sqlite_autoindex_conflicts_1', '10000 10000 1'),
    ('conflicts', 'conflicts_key', '10000 10000 5000 1'),
    ('conflicts', 'conflicts_subject', '10000 10000 2'),
    ('journal', 'sqlite_autoindex_journal_1', '10000000 10000000 1'),
    ('journal', 'journal_at', '10000000 10000000 4 1'),
    ('journal', 'journal_actor', '10000000 10000000 100000 1'),
    ('journal', 'journal_subject', '10000000 10000000 20 1'),
    ('journal', 'journal_object', '8000000 8000000 20 1'),
    ('journal', 'journal_action', '10000000 10000000 500000 1'),
    ('journal_values', 'sqlite_autoindex_journal_values_1', '50000000 50000000 10 2 1'),
    ('journal_values', 'journal_values_subject', '50000000 50000000 50'),
    ('tenants', 'sqlite_autoindex_tenants_1', '1000 1'),
    ('tenants', 'sqlite_autoindex_tenants_2', '1000 1'),
    ('heads', 'sqlite_autoindex_heads_1', '1000 1'),
    ('credential_index', 'sqlite_autoindex_credential_index_1', '10000 1'),
    ('invalidations', 'sqlite_autoindex_invalidations_1', '10000 1'),
    ('invalidations', 'invalidations_at', '10000 4');
