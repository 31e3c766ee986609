DROP INDEX journal_values_subject;
CREATE INDEX journal_values_subject ON journal_values (tenant, subject);
