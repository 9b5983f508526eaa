-- The port that an application listens on, where it does not read PORT.
ALTER TABLE applications ADD COLUMN port integer CHECK (port BETWEEN 1 AND 65535);
