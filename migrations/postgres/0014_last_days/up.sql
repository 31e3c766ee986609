-- Last days that lie ahead are weighed when they are learned (docs/decisions/0018).

ALTER TABLE links ADD COLUMN held_day TEXT COLLATE "C";            -- the last day, as long as it does not count: it waits for an admin, or was refused
ALTER TABLE links ADD COLUMN told_at BIGINT;           -- when the last day was learned and let count, of somebody with access
ALTER TABLE held_losses ADD COLUMN day TEXT COLLATE "C";           -- the last day that the loss rests on, if it names one
-- Runs that something waiting speaks of are kept.
CREATE INDEX held_losses_run ON held_losses (tenant, run_id);
