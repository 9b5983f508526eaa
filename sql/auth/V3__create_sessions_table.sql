-- Sessions: one device signed in. `generation` counts the rotations of its family of refresh tokens, `grace_uses` the races let pass since the last.
CREATE TABLE sessions (
    id           uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    address      text        NOT NULL CHECK (length(address) <= 64),
    user_agent   text        NOT NULL CHECK (length(user_agent) <= 512),
    started_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    generation   integer     NOT NULL CHECK (generation > 0),
    rotated_at   timestamptz NOT NULL,
    grace_uses   integer     NOT NULL CHECK (grace_uses >= 0),
    ended_at     timestamptz,
    end_reason   text        CHECK (end_reason IN ('logged-out', 'refresh-token-reused')),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX sessions_of_user ON sessions (user_id, last_seen_at DESC);
CREATE INDEX sessions_over ON sessions (least(expires_at, ended_at));

-- Every refresh token that a session was given, as a hash: one that comes again is recognised as long as its session is remembered.
CREATE TABLE refresh_tokens (
    token_hash   bytea       PRIMARY KEY CHECK (length(token_hash) = 32),
    session_id   uuid        NOT NULL REFERENCES sessions ON DELETE CASCADE,
    generation   integer     NOT NULL CHECK (generation > 0)
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);
