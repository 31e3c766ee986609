ALTER TABLE runs DROP COLUMN version_before;
ALTER TABLE runs DROP COLUMN connector_version;
DROP INDEX schedules_look;
ALTER TABLE schedules DROP COLUMN connector_version;
ALTER TABLE schedules DROP COLUMN look_actor_id;
ALTER TABLE schedules DROP COLUMN look_actor_kind;
ALTER TABLE schedules DROP COLUMN look_at;
ALTER TABLE schedules DROP COLUMN announced_at;
