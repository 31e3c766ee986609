-- What an admin says about pulls to come, and which version of its connector a connection runs on.

ALTER TABLE schedules ADD COLUMN announced_at BIGINT;        -- when: who left since counts against what was announced
ALTER TABLE schedules ADD COLUMN look_at BIGINT;             -- when somebody asked for a dry run; NULL: nobody waits for one
ALTER TABLE schedules ADD COLUMN look_actor_kind TEXT COLLATE "C";       -- who
ALTER TABLE schedules ADD COLUMN look_actor_id TEXT COLLATE "C";
ALTER TABLE schedules ADD COLUMN connector_version BIGINT;   -- of the connector under which a plan was last applied
-- Dry runs that wait; a handful of rows.
CREATE INDEX schedules_look ON schedules (look_at) WHERE look_at IS NOT NULL;

ALTER TABLE runs ADD COLUMN connector_version BIGINT;        -- under which it was made
ALTER TABLE runs ADD COLUMN version_before BIGINT;           -- under which a plan was last applied, if it is another one
