-- Files of people. What is known of the last one that each connection read is kept; a file itself rests here, sealed, only
-- from its arrival until a process has read it.

CREATE TABLE file_marks (
    tenant         TEXT COLLATE "C" NOT NULL,
    connection_id  TEXT COLLATE "C" NOT NULL,
    sha256         TEXT COLLATE "C" NOT NULL,              -- of the last file that was read whole; '' before the first
    first_read_at  BIGINT NOT NULL,              -- when these bytes were first read: they confirm who was missed before
    as_of          BIGINT NOT NULL,              -- the time it stands for; an older file is refused
    fields         TEXT COLLATE "C" NOT NULL,              -- JSON: the fields that it had columns for
    id_shortest    BIGINT,                       -- characters of its shortest id
    delivered_at   BIGINT NOT NULL,              -- when a file was last delivered, with the same bytes or others
    seen           TEXT COLLATE "C",                         -- JSON: name, size and time of the file that the last look found
    confirmed_at   BIGINT,                       -- an admin said that who was missed before is gone; no run has used it yet
    PRIMARY KEY (tenant, connection_id)
);

CREATE TABLE file_uploads (
    tenant         TEXT COLLATE "C" NOT NULL,
    connection_id  TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    state          TEXT COLLATE "C" NOT NULL,              -- arriving | ready
    bytes          BIGINT NOT NULL,
    chunks         BIGINT NOT NULL,
    as_of          BIGINT NOT NULL,              -- the time it stands for
    created_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection_id, id)
);
CREATE INDEX file_uploads_created ON file_uploads (created_at);

CREATE TABLE file_chunks (
    tenant     TEXT COLLATE "C" NOT NULL,
    upload_id  TEXT COLLATE "C" NOT NULL,
    ordinal    BIGINT NOT NULL,
    key_id     TEXT COLLATE "C" NOT NULL,                  -- of the key that opens it
    sealed     TEXT COLLATE "C" NOT NULL,                  -- base64url: nonce, then XChaCha20-Poly1305 of the next bytes
    PRIMARY KEY (tenant, upload_id, ordinal)
);
