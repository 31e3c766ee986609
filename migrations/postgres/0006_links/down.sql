ALTER TABLE connections DROP COLUMN confirm_since;
ALTER TABLE users DROP COLUMN added_via;
ALTER TABLE users DROP COLUMN end_date;
ALTER TABLE users DROP COLUMN start_date;
ALTER TABLE users DROP COLUMN employment_state;
DROP TABLE links;
