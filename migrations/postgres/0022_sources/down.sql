DROP TABLE switches;
DROP TABLE recomputes;
ALTER TABLE connections DROP COLUMN rank_at;
