-- Users whose account was deleted: events about them that arrive late store nothing.
CREATE TABLE deleted_users (
    user_id     uuid        PRIMARY KEY,
    deleted_at  timestamptz NOT NULL
);
CREATE INDEX deleted_users_deleted_at ON deleted_users (deleted_at);
CREATE INDEX applications_user_id ON applications (user_id);
