-- Sessions that were ended before their access tokens expire. Every function refuses their tokens; rows are deleted once the tokens have expired.
CREATE TABLE revoked_sessions (
    session_id  uuid        PRIMARY KEY,
    revoked_at  timestamptz NOT NULL
);
CREATE INDEX revoked_sessions_revoked_at ON revoked_sessions (revoked_at);
