DROP TABLE undo_holds;
DROP TABLE run_changes;
DROP INDEX runs_wanted;
ALTER TABLE runs DROP COLUMN decider_id;
ALTER TABLE runs DROP COLUMN decider_kind;
ALTER TABLE runs DROP COLUMN decided_at;
ALTER TABLE claims DROP COLUMN undone;
