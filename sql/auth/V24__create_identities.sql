-- Identities at providers (OpenID Connect, GitHub), and sign-ins with them that are under way.
CREATE TABLE identities (
    id           uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    provider     text        NOT NULL CHECK (length(provider) BETWEEN 1 AND 32),
    issuer       text        NOT NULL CHECK (length(issuer) BETWEEN 1 AND 512),
    subject      text        NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    email        text        NOT NULL CHECK (length(email) <= 320),
    linked_at    timestamptz NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT identities_issuer_subject_key UNIQUE (issuer, subject)
);
CREATE INDEX identities_of_user ON identities (user_id);

-- Only the hash of the secret of the browser is stored; state, nonce and PKCE verifier are derived from the secret. `sealed_code`: authorization
-- code, verifier and nonce until the code is exchanged.
CREATE TABLE provider_logins (
    id          uuid        PRIMARY KEY,
    token_hash  bytea       NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    provider    text        NOT NULL CHECK (length(provider) BETWEEN 1 AND 32),
    user_id     uuid        REFERENCES users ON DELETE CASCADE,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL CHECK (expires_at > created_at),
    status      text        NOT NULL CHECK (status IN ('begun', 'received', 'identified', 'failed', 'finished')),
    sealed_code text        CHECK (sealed_code LIKE 'sealed:%'),
    claims      jsonb,
    failure     text        NOT NULL DEFAULT '' CHECK (length(failure) <= 500)
);
CREATE INDEX provider_logins_over ON provider_logins (expires_at);

-- An account that a provider's sign-in created has no password until its user sets one with a link.
ALTER TABLE users ADD COLUMN has_password boolean NOT NULL DEFAULT true;

-- How users prove their identity is the code's: Method in functions/auth/domain/session.py.
ALTER TABLE sessions
    DROP CONSTRAINT sessions_methods_check,
    ADD CONSTRAINT sessions_methods_check CHECK (cardinality(methods) > 0 AND array_position(methods, NULL) IS NULL);
