-- A name to show, and when the account is to be deleted at the request of its user.
ALTER TABLE users
    ADD COLUMN name text NOT NULL DEFAULT '' CHECK (length(name) <= 100),
    ADD COLUMN deletes_at timestamptz;
CREATE INDEX users_deletes_at ON users (deletes_at) WHERE deletes_at IS NOT NULL;
