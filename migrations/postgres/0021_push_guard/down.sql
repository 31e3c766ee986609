DROP INDEX users_break_glass;
DROP TABLE push_sessions;
DROP TABLE parked_losses;
DROP TABLE push_losses;
DROP TABLE push_guards;
