-- Invitations, the links that open them, what they gave people, the codes by which people are handed to the app, and what
-- the operator's app offers to be given.

CREATE TABLE invitations (
    tenant         TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    user_id        TEXT   NOT NULL,                 -- who is invited
    state          TEXT   NOT NULL,                 -- pending | accepted | declined | withdrawn | expired | superseded
    reason         TEXT,                            -- of one that was superseded: code of what happened instead
    email          TEXT   NOT NULL,                 -- where it went; empty once she is removed
    language       TEXT   NOT NULL,                 -- en | fr
    delivery       TEXT   NOT NULL,                 -- mail | app
    given          TEXT,                            -- JSON: roles, entity, fields
    message        TEXT,                            -- what the inviter wrote
    inviter        TEXT,                            -- how the mail names the inviter
    connection_id  TEXT,                            -- whose joiner policy invited; NULL: somebody did
    mail_id        TEXT,                            -- the newest mail about it
    sends          BIGINT NOT NULL,                 -- links that were sent
    created_at     BIGINT NOT NULL,
    sent_at        BIGINT NOT NULL,                 -- the newest link, reminders aside
    expires_at     BIGINT NOT NULL,
    reminded_at    BIGINT,
    due_at         BIGINT,                          -- when something is next to be done; NULL once it is over
    ended_at       BIGINT,
    PRIMARY KEY (tenant, id)
);
-- Nobody is invited twice.
CREATE UNIQUE INDEX invitations_pending ON invitations (tenant, user_id) WHERE state = 'pending';
CREATE INDEX invitations_user ON invitations (tenant, user_id, id);
CREATE INDEX invitations_state ON invitations (tenant, state, id);
CREATE INDEX invitations_due ON invitations (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE invitation_links (
    tenant         TEXT   NOT NULL,
    hash           TEXT   NOT NULL,                 -- SHA-256 of the token, in hex
    invitation_id  TEXT   NOT NULL,
    PRIMARY KEY (tenant, hash)
) WITHOUT ROWID;
CREATE INDEX invitation_links_invitation ON invitation_links (tenant, invitation_id);

-- What a human gave somebody by an invitation: it counts where no source says anything.
CREATE TABLE given_values (
    tenant   TEXT NOT NULL,
    user_id  TEXT NOT NULL,
    units    TEXT NOT NULL,                         -- JSON: values by unit, as claims.asserted
    PRIMARY KEY (tenant, user_id)
) WITHOUT ROWID;

CREATE TABLE handoffs (
    tenant      TEXT   NOT NULL,
    id          TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX handoffs_user ON handoffs (tenant, user_id);

CREATE TABLE invite_attributes (
    tenant      TEXT   NOT NULL,                    -- the operator's own
    document    TEXT   NOT NULL,                    -- JSON: roles, entities, fields
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant)
);

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('invitations', 'sqlite_autoindex_invitations_1', '100000 1000 1'),
    ('invitations', 'invitations_pending', '10000 100 1'),
    ('invitations', 'invitations_user', '100000 1000 2 1'),
    ('invitations', 'invitations_state', '100000 1000 200 1'),
    ('invitations', 'invitations_due', '10000 2'),
    ('invitation_links', 'invitation_links', '100000 1000 1'),
    ('invitation_links', 'invitation_links_invitation', '100000 1000 2'),
    ('given_values', 'given_values', '100000 1000 1'),
    ('handoffs', 'handoffs', '1000 10 1'),
    ('handoffs', 'handoffs_user', '1000 10 1'),
    ('invite_attributes', 'sqlite_autoindex_invite_attributes_1', '1 1');
