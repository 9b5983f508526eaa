-- The right to prove an address, once and for a day. `id` is the intent of the mail that carries the token; the token itself is never stored.
CREATE TABLE verification_tokens (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    token_hash bytea       NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    used_at    timestamptz
);
CREATE INDEX verification_tokens_of_user ON verification_tokens (user_id);
CREATE INDEX verification_tokens_expiry ON verification_tokens (expires_at);

-- Mails that were sent, by which it is counted how many a user may still get.
CREATE TABLE sent_mails (
    intent     uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    kind       text        NOT NULL CHECK (kind IN ('verification', 'registration-repeated')),
    sent_at    timestamptz NOT NULL
);
CREATE INDEX sent_mails_of_user ON sent_mails (user_id, kind, sent_at);
CREATE INDEX sent_mails_age ON sent_mails (sent_at);
