-- A repository may hold several applications.

ALTER TABLE applications ADD COLUMN directory text CHECK (length(directory) BETWEEN 1 AND 200);
