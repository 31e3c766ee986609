DROP TABLE held_losses;
DROP TABLE run_items;
DROP TABLE runs;
DROP TABLE schedules;
