-- Second factors (RFC 6238). The secret is sealed with auth's key, recovery codes are hashes, last_step refuses a code that was used.
CREATE TABLE second_factors (
    user_id         uuid        PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    sealed_secret   text        NOT NULL CHECK (sealed_secret LIKE 'sealed:%'),
    created_at      timestamptz NOT NULL,
    enabled_at      timestamptz,
    last_step       bigint      NOT NULL CHECK (last_step >= 0),
    recovery_hashes bytea[]     NOT NULL
);
