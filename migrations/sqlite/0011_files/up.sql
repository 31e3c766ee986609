-- Files of people. What is known of the last one that each connection read is kept; a file itself rests here, sealed, only
-- from its arrival until a process has read it.

CREATE TABLE file_marks (
    tenant         TEXT   NOT NULL,
    connection_id  TEXT   NOT NULL,
    sha256         TEXT   NOT NULL,              -- of the last file that was read whole; '' before the first
    first_read_at  BIGINT NOT NULL,              -- when these bytes were first read: they confirm who was missed before
    as_of          BIGINT NOT NULL,              -- the time it stands for; an older file is refused
    fields         TEXT   NOT NULL,              -- JSON: the fields that it had columns for
    id_shortest    BIGINT,                       -- characters of its shortest id
    delivered_at   BIGINT NOT NULL,              -- when a file was last delivered, with the same bytes or others
    seen           TEXT,                         -- JSON: name, size and time of the file that the last look found
    confirmed_at   BIGINT,                       -- an admin said that who was missed before is gone; no run has used it yet
    PRIMARY KEY (tenant, connection_id)
);

CREATE TABLE file_uploads (
    tenant         TEXT   NOT NULL,
    connection_id  TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    state          TEXT   NOT NULL,              -- arriving | ready
    bytes          BIGINT NOT NULL,
    chunks         BIGINT NOT NULL,
    as_of          BIGINT NOT NULL,              -- the time it stands for
    created_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection_id, id)
);
CREATE INDEX file_uploads_created ON file_uploads (created_at);

CREATE TABLE file_chunks (
    tenant     TEXT   NOT NULL,
    upload_id  TEXT   NOT NULL,
    ordinal    BIGINT NOT NULL,
    key_id     TEXT   NOT NULL,                  -- of the key that opens it
    sealed     TEXT   NOT NULL,                  -- base64url: nonce, then XChaCha20-Poly1305 of the next bytes
    PRIMARY KEY (tenant, upload_id, ordinal)
);

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('file_marks', 'sqlite_autoindex_file_marks_1', '1000 2 1'),
    ('file_uploads', 'sqlite_autoindex_file_uploads_1', '20 2 1 1'),
    ('file_uploads', 'file_uploads_created', '20 1'),
    ('file_chunks', 'sqlite_autoindex_file_chunks_1', '1000 100 50 1');
