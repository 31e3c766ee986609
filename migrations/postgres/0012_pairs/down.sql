ALTER TABLE connections DROP COLUMN disconnected_at;
DROP TABLE pair_marks;
DROP TABLE pairs;
DROP TABLE pair_keys;
