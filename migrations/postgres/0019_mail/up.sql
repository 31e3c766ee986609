-- What leaves the house on its own: mails, and calls of the operator's webhook. A row holds a code and parameters, never a
-- sentence; whoever sends it renders it. Its secret, if it has one, rests sealed among the secrets (of connection mail/‹id›) until
-- it is sent. And notices: what an admin ought to know, once for each thing it is about.

CREATE TABLE outbox (
    tenant      TEXT COLLATE "C"   NOT NULL,
    id          TEXT COLLATE "C"   NOT NULL,                 -- UUIDv7; with the tenant's it makes the Message-ID
    channel     TEXT COLLATE "C"   NOT NULL,                 -- mail | webhook
    kind        TEXT COLLATE "C"   NOT NULL,                 -- invitation | reminder | renewed | notice
    code        TEXT COLLATE "C"   NOT NULL,                 -- of the notice; '' of another kind
    person      TEXT COLLATE "C",                            -- whom it is about: erased with her
    notice      TEXT COLLATE "C",                            -- the notice it tells of
    recipient   TEXT COLLATE "C"   NOT NULL,                 -- address; '' of a webhook
    language    TEXT COLLATE "C"   NOT NULL,                 -- en | fr
    params      TEXT COLLATE "C"   NOT NULL,                 -- JSON
    state       TEXT COLLATE "C"   NOT NULL,                 -- queued | sending | sent | filed | failed | canceled
    delivery    TEXT COLLATE "C"   NOT NULL,                 -- unknown | delivered | bounced | complained
    attempts    BIGINT NOT NULL,
    next_at     BIGINT,                          -- when somebody takes it, or its claim runs out; NULL: it is over
    claim       TEXT COLLATE "C",                            -- who is at it
    error       TEXT COLLATE "C",                            -- JSON: code and parameters of the last failure; no address, no name
    cause_kind  TEXT COLLATE "C"   NOT NULL,
    cause_id    TEXT COLLATE "C"   NOT NULL,
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
    tenant      TEXT COLLATE "C"   NOT NULL,
    id          TEXT COLLATE "C"   NOT NULL,
    code        TEXT COLLATE "C"   NOT NULL,
    subject     TEXT COLLATE "C"   NOT NULL,                 -- what it is about: a connection, a token, an invitation
    person      TEXT COLLATE "C",                            -- whom it is about: erased with her
    params      TEXT COLLATE "C"   NOT NULL,                 -- JSON
    state       TEXT COLLATE "C"   NOT NULL,                 -- open | closed
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
    tenant      TEXT COLLATE "C"   NOT NULL,
    address     TEXT COLLATE "C"   NOT NULL,
    language    TEXT COLLATE "C"   NOT NULL,                 -- en | fr
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, address)
);
