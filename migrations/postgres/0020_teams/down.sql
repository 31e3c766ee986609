DROP TABLE team_findings;
DROP TABLE kept_people;
DROP TABLE kept_teams;
DROP TABLE synced_teams;
DROP INDEX groups_teams;
ALTER TABLE "groups" DROP COLUMN team_set;
DROP TABLE team_syncs;
