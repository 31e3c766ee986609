DROP INDEX memberships_around;
DROP INDEX memberships_nested;
