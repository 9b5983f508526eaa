-- Users. The address is stored normalised and in lower case, so that uniqueness is the database's.
CREATE TABLE users (
    id                uuid        PRIMARY KEY,
    email             text        NOT NULL CONSTRAINT users_email_key UNIQUE CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    password_hash     text        NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    email_verified_at timestamptz,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    version           integer     NOT NULL DEFAULT 1 CHECK (version > 0)
);
