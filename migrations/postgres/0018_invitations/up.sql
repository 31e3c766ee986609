-- Invitations, the links that open them, what they gave people, the codes by which people are handed to the app, and what
-- the operator's app offers to be given.

CREATE TABLE invitations (
    tenant         TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    user_id        TEXT COLLATE "C" NOT NULL,                 -- who is invited
    state          TEXT COLLATE "C" NOT NULL,                 -- pending | accepted | declined | withdrawn | expired | superseded
    reason         TEXT COLLATE "C",                            -- of one that was superseded: code of what happened instead
    email          TEXT COLLATE "C" NOT NULL,                 -- where it went; empty once she is removed
    language       TEXT COLLATE "C" NOT NULL,                 -- en | fr
    delivery       TEXT COLLATE "C" NOT NULL,                 -- mail | app
    given          TEXT COLLATE "C",                            -- JSON: roles, entity, fields
    message        TEXT COLLATE "C",                            -- what the inviter wrote
    inviter        TEXT COLLATE "C",                            -- how the mail names the inviter
    connection_id  TEXT COLLATE "C",                            -- whose joiner policy invited; NULL: somebody did
    mail_id        TEXT COLLATE "C",                            -- the newest mail about it
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
    tenant         TEXT COLLATE "C" NOT NULL,
    hash           TEXT COLLATE "C" NOT NULL,                 -- SHA-256 of the token, in hex
    invitation_id  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, hash)
);
CREATE INDEX invitation_links_invitation ON invitation_links (tenant, invitation_id);

-- What a human gave somebody by an invitation: it counts where no source says anything.
CREATE TABLE given_values (
    tenant   TEXT COLLATE "C" NOT NULL,
    user_id  TEXT COLLATE "C" NOT NULL,
    units    TEXT COLLATE "C" NOT NULL,                         -- JSON: values by unit, as claims.asserted
    PRIMARY KEY (tenant, user_id)
);

CREATE TABLE handoffs (
    tenant      TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    user_id     TEXT COLLATE "C" NOT NULL,
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX handoffs_user ON handoffs (tenant, user_id);

CREATE TABLE invite_attributes (
    tenant      TEXT COLLATE "C" NOT NULL,                    -- the operator's own
    document    TEXT COLLATE "C" NOT NULL,                    -- JSON: roles, entities, fields
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant)
);
