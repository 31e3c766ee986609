ALTER TABLE undo_holds DROP COLUMN said;
