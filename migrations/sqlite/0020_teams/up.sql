-- Team sync: which connection feeds a tenant's teams, the teams that are built from it, what they replaced.

CREATE TABLE team_syncs (
    tenant             TEXT NOT NULL,
    connection_id      TEXT NOT NULL,           -- the one connection whose managers make teams
    state              TEXT NOT NULL,           -- set-up | on | stopped
    language           TEXT NOT NULL,           -- of the teams' names
    templates          TEXT NOT NULL,           -- JSON object: language, template of names
    team_set           BIGINT NOT NULL,         -- the set of teams in force: see groups.team_set
    revision           BIGINT NOT NULL,         -- grows with each change of synced teams
    job                TEXT,                    -- complete | restore, while it is under way
    stage              TEXT,                    -- preparing | clearing | retiring | telling
    member_cursor      TEXT,                    -- the last member of the team that is being told of
    actor_kind         TEXT,                    -- of the job
    actor_id           TEXT,
    cause_kind         TEXT,
    cause_id           TEXT,
    touched_at         BIGINT NOT NULL,         -- last step of the job
    seen               BIGINT NOT NULL,         -- the journal up to here is in the teams
    counts             TEXT,                    -- JSON: what the last build found
    completed_at       BIGINT,
    completed_by_kind  TEXT,
    completed_by_id    TEXT,
    stopped_at         BIGINT,
    kept_at            BIGINT,                  -- when the teams that are kept were replaced
    PRIMARY KEY (tenant)
);

-- NULL: in force. A positive number: from this set on. A negative one: until the set of this number.
ALTER TABLE "groups" ADD COLUMN team_set BIGINT;
CREATE INDEX groups_teams ON "groups" (tenant, id) WHERE kind = 'team';

CREATE TABLE synced_teams (
    tenant      TEXT NOT NULL,
    group_id    TEXT NOT NULL,
    manager_id  TEXT NOT NULL,                  -- who leads it, whoever reviews it
    parent_id   TEXT,                           -- the team that it is part of
    is_renamed  BOOLEAN NOT NULL,               -- an admin named it
    PRIMARY KEY (tenant, group_id)
) WITHOUT ROWID;
CREATE INDEX synced_teams_manager ON synced_teams (tenant, manager_id);

-- Teams that team sync replaced, with members and reviewers, until they are restored or others are replaced.
CREATE TABLE kept_teams (
    tenant       TEXT NOT NULL,
    group_id     TEXT NOT NULL,
    name         TEXT NOT NULL,
    managed_by   TEXT,
    created_by   TEXT,
    external_id  TEXT,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, group_id)
);

CREATE TABLE kept_people (
    tenant       TEXT NOT NULL,
    group_id     TEXT NOT NULL,
    is_reviewer  BOOLEAN NOT NULL,
    user_id      TEXT NOT NULL,
    PRIMARY KEY (tenant, group_id, is_reviewer, user_id)
) WITHOUT ROWID;
CREATE INDEX kept_people_user ON kept_people (tenant, user_id);

-- What the last build found, a row for each person whom a finding names.
CREATE TABLE team_findings (
    tenant   TEXT NOT NULL,
    code     TEXT NOT NULL,
    key      TEXT NOT NULL,                     -- the person whom it is about, the first of several
    ordinal  BIGINT NOT NULL,
    subject  TEXT NOT NULL,                     -- a person
    since    BIGINT NOT NULL,
    PRIMARY KEY (tenant, code, key, ordinal)
) WITHOUT ROWID;
CREATE INDEX team_findings_subject ON team_findings (tenant, subject);

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('team_syncs', 'sqlite_autoindex_team_syncs_1', '100 1'),
    ('groups', 'groups_teams', '50000 50000 1'),
    ('synced_teams', 'synced_teams', '50000 50000 1'),
    ('synced_teams', 'synced_teams_manager', '50000 50000 1'),
    ('kept_teams', 'sqlite_autoindex_kept_teams_1', '10000 10000 1'),
    ('kept_people', 'kept_people', '200000 200000 20 10 1'),
    ('kept_people', 'kept_people_user', '200000 200000 2'),
    ('team_findings', 'team_findings', '10000 10000 2000 2 1'),
    ('team_findings', 'team_findings_subject', '10000 10000 2');
