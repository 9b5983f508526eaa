-- An application that was moved to a personal team has no team here: personal teams have no row. Its row stays, so that an event of before that
-- arrives late does not add it again.
ALTER TABLE team_applications ALTER COLUMN team_id DROP NOT NULL;
