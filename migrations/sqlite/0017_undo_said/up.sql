-- What a record said as a whole when a run that read it was undone: while it says the same, it is not looked at, whatever
-- of it is held. NULL: it has said something else since, or nothing (docs/decisions/0015).
ALTER TABLE undo_holds ADD COLUMN said TEXT;
