DROP TABLE file_chunks;
DROP TABLE file_uploads;
DROP TABLE file_marks;
