DELETE FROM sqlite_stat1 WHERE idx = 'held_losses_run';
DROP INDEX held_losses_run;
ALTER TABLE held_losses DROP COLUMN day;
ALTER TABLE links DROP COLUMN told_at;
ALTER TABLE links DROP COLUMN held_day;
