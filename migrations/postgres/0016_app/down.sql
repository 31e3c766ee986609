DROP TABLE app_seen;
DROP TABLE app_imports;
DROP TABLE reviewers;
ALTER TABLE claims DROP COLUMN entity;
