-- What leaves the house on its own: mails, and calls of the operator's webhook. A row holds a code and parameters, never a
-- sentence; whoever sends it renders it. Its secret, if it has one, rests sealed among the secrets (of connection mail/‹id›) until
-- it is sent. And notices: what an admin ought to know, once for each thing it is about.

CREATE TABLE outbox (
    tenant      TEXT   NOT NULL,
    id          TEXT   NOT NULL,                 -- UUIDv7; with the tenant's it makes the Message-ID
    channel     TEXT   NOT NULL,                 -- mail | webhook
    kind        TEXT   NOT NULL,                 -- invitation | reminder | renewed | notice
    code        TEXT   NOT NULL,                 -- of the notice; '' of another kind
    person      TEXT,                            -- whom it is about: erased with her
    notice      TEXT,                            -- the notice it tells of
    recipient   TEXT   NOT NULL,                 -- address; '' of a webhook
    language    TEXT   NOT NULL,                 -- en | fr
    params      TEXT   NOT NULL,                 -- JSON
    state       TEXT   NOT NULL,                 -- queued | sending | sent | filed | failed | canceled
    delivery    TEXT   NOT NULL,                 -- unknown | delivered | bounced | complained
    attempts    BIGINT NOT NULL,
    next_at     BIGINT,                          -- when somebody takes it, or its claim runs out; NULL: it is over
    claim       TEXT,                            -- who is at it
    error       TEXT,                            -- JSON: code and parameters of the last failure; no address, no name
    cause_kind  TEXT   NOT NULL,
    cause_id    TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    sent_at     BIGINT,
    PRIMARY KEY (tenant, id)
);
-- What is due in all tenants, and all that belongs to a person or an address.
CREATE INDEX outbox_next ON outbox (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX outbox_person ON outbox (tenant, person) WHERE person IS NOT NULL;
CREATE INDEX outbox_recipient ON outbox (tenant, recipient);
CREATE INDEX outbox_notice ON outbox (tenant, notice) WHERE notice IS NOT NULL;

-- Open while what it tells of lasts; tellings are rows of the outbox: event, recipient, channel.
CREATE TABLE notices (
    tenant      TEXT   NOT NULL,
    id          TEXT   NOT NULL,
    code        TEXT   NOT NULL,
    subject     TEXT   NOT NULL,                 -- what it is about: a connection, a token, an invitation
    person      TEXT,                            -- whom it is about: erased with her
    params      TEXT   NOT NULL,                 -- JSON
    state       TEXT   NOT NULL,                 -- open | closed
    seen        BIGINT NOT NULL,                 -- how often it was raised
    told        BIGINT NOT NULL,                 -- how often the recipients were told
    told_at     BIGINT,                          -- when they were last
    tell_at     BIGINT,                          -- when they are told next; NULL: not any more
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    closed_at   BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX notices_open ON notices (tenant, code, subject, state);
CREATE INDEX notices_person ON notices (tenant, person) WHERE person IS NOT NULL;
CREATE INDEX notices_tell ON notices (tell_at) WHERE tell_at IS NOT NULL;

-- Who is told of a tenant's notices by mail.
CREATE TABLE notice_recipients (
    tenant      TEXT   NOT NULL,
    address     TEXT   NOT NULL,
    language    TEXT   NOT NULL,                 -- en | fr
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, address)
) WITHOUT ROWID;

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('outbox', 'sqlite_autoindex_outbox_1', '100000 1000 1'),
    ('outbox', 'outbox_next', '100 1'),
    ('outbox', 'outbox_person', '100000 1000 2'),
    ('outbox', 'outbox_recipient', '100000 1000 2'),
    ('outbox', 'outbox_notice', '10000 100 4'),
    ('notices', 'sqlite_autoindex_notices_1', '10000 100 1'),
    ('notices', 'notices_open', '10000 100 20 2 1'),
    ('notices', 'notices_person', '1000 10 1'),
    ('notices', 'notices_tell', '100 1'),
    ('notice_recipients', 'notice_recipients', '1000 3 1');
