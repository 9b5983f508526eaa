-- Passkeys (WebAuthn): public keys of users, and challenges, which are single-use and deleted when a response arrives.
CREATE TABLE passkeys (
    id            uuid        PRIMARY KEY,
    user_id       uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    credential_id bytea       NOT NULL CONSTRAINT passkeys_credential_id_key UNIQUE CHECK (length(credential_id) BETWEEN 1 AND 1023),
    public_key    bytea       NOT NULL CHECK (length(public_key) BETWEEN 1 AND 4096),
    sign_count    bigint      NOT NULL CHECK (sign_count >= 0),
    is_synced     boolean     NOT NULL,
    name          text        NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    created_at    timestamptz NOT NULL,
    last_used_at  timestamptz
);
CREATE INDEX passkeys_of_user ON passkeys (user_id);

CREATE TABLE passkey_challenges (
    id         uuid        PRIMARY KEY,
    purpose    text        NOT NULL CHECK (purpose IN ('registration', 'login', 'second-factor')),
    user_id    uuid        REFERENCES users ON DELETE CASCADE,
    challenge  bytea       NOT NULL CHECK (length(challenge) >= 32),
    expires_at timestamptz NOT NULL,
    CHECK ((user_id IS NULL) = (purpose = 'login'))
);
CREATE INDEX passkey_challenges_over ON passkey_challenges (expires_at);
