-- Team sync: which connection feeds a tenant's teams, the teams that are built from it, what they replaced.

CREATE TABLE team_syncs (
    tenant             TEXT COLLATE "C" NOT NULL,
    connection_id      TEXT COLLATE "C" NOT NULL,           -- the one connection whose managers make teams
    state              TEXT COLLATE "C" NOT NULL,           -- set-up | on | stopped
    language           TEXT COLLATE "C" NOT NULL,           -- of the teams' names
    templates          TEXT COLLATE "C" NOT NULL,           -- JSON object: language, template of names
    team_set           BIGINT NOT NULL,         -- the set of teams in force: see groups.team_set
    revision           BIGINT NOT NULL,         -- grows with each change of synced teams
    job                TEXT COLLATE "C",                    -- complete | restore, while it is under way
    stage              TEXT COLLATE "C",                    -- preparing | clearing | retiring | telling
    member_cursor      TEXT COLLATE "C",                    -- the last member of the team that is being told of
    actor_kind         TEXT COLLATE "C",                    -- of the job
    actor_id           TEXT COLLATE "C",
    cause_kind         TEXT COLLATE "C",
    cause_id           TEXT COLLATE "C",
    touched_at         BIGINT NOT NULL,         -- last step of the job
    seen               BIGINT NOT NULL,         -- the journal up to here is in the teams
    counts             TEXT COLLATE "C",                    -- JSON: what the last build found
    completed_at       BIGINT,
    completed_by_kind  TEXT COLLATE "C",
    completed_by_id    TEXT COLLATE "C",
    stopped_at         BIGINT,
    kept_at            BIGINT,                  -- when the teams that are kept were replaced
    PRIMARY KEY (tenant)
);

-- NULL: in force. A positive number: from this set on. A negative one: until the set of this number.
ALTER TABLE "groups" ADD COLUMN team_set BIGINT;
CREATE INDEX groups_teams ON "groups" (tenant, id) WHERE kind = 'team';

CREATE TABLE synced_teams (
    tenant      TEXT COLLATE "C" NOT NULL,
    group_id    TEXT COLLATE "C" NOT NULL,
    manager_id  TEXT COLLATE "C" NOT NULL,                  -- who leads it, whoever reviews it
    parent_id   TEXT COLLATE "C",                           -- the team that it is part of
    is_renamed  BOOLEAN NOT NULL,               -- an admin named it
    PRIMARY KEY (tenant, group_id)
);
CREATE INDEX synced_teams_manager ON synced_teams (tenant, manager_id);

-- Teams that team sync replaced, with members and reviewers, until they are restored or others are replaced.
CREATE TABLE kept_teams (
    tenant       TEXT COLLATE "C" NOT NULL,
    group_id     TEXT COLLATE "C" NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    managed_by   TEXT COLLATE "C",
    created_by   TEXT COLLATE "C",
    external_id  TEXT COLLATE "C",
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, group_id)
);

CREATE TABLE kept_people (
    tenant       TEXT COLLATE "C" NOT NULL,
    group_id     TEXT COLLATE "C" NOT NULL,
    is_reviewer  BOOLEAN NOT NULL,
    user_id      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, group_id, is_reviewer, user_id)
);
CREATE INDEX kept_people_user ON kept_people (tenant, user_id);

-- What the last build found, a row for each person whom a finding names.
CREATE TABLE team_findings (
    tenant   TEXT COLLATE "C" NOT NULL,
    code     TEXT COLLATE "C" NOT NULL,
    key      TEXT COLLATE "C" NOT NULL,                     -- the person whom it is about, the first of several
    ordinal  BIGINT NOT NULL,
    subject  TEXT COLLATE "C" NOT NULL,                     -- a person
    since    BIGINT NOT NULL,
    PRIMARY KEY (tenant, code, key, ordinal)
);
CREATE INDEX team_findings_subject ON team_findings (tenant, subject);
