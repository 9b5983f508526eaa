-- Roles stand in the user's row: who is asked on every request is read in one.
ALTER TABLE users
    ADD COLUMN roles text[] NOT NULL DEFAULT '{user}' CHECK (roles <@ ARRAY ['user', 'admin'] AND cardinality(roles) > 0);
