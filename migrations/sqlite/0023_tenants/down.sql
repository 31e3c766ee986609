DROP TABLE deletions;
DROP INDEX users_no_seat;
DROP INDEX users_seats;
DROP INDEX tenants_account;
ALTER TABLE tenants DROP COLUMN delete_at;
ALTER TABLE tenants DROP COLUMN state_before;
ALTER TABLE tenants DROP COLUMN entitlements;
ALTER TABLE tenants DROP COLUMN made_of;
ALTER TABLE tenants DROP COLUMN account_id;
