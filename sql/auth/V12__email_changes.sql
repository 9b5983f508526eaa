-- Another address for an account, confirmed by a link to each of the two addresses. One change for each user: a new one replaces it.
CREATE TABLE email_changes (
    user_id               uuid        PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    id                    uuid        NOT NULL UNIQUE,
    email                 text        NOT NULL CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    current_token_hash    bytea       NOT NULL UNIQUE CHECK (length(current_token_hash) = 32),
    new_token_hash        bytea       NOT NULL UNIQUE CHECK (length(new_token_hash) = 32),
    requested_at          timestamptz NOT NULL,
    expires_at            timestamptz NOT NULL CHECK (expires_at > requested_at),
    current_confirmed_at  timestamptz,
    new_confirmed_at      timestamptz,
    completed_at          timestamptz,
    CHECK (completed_at IS NULL OR (current_confirmed_at IS NOT NULL AND new_confirmed_at IS NOT NULL))
);
CREATE INDEX email_changes_expires_at ON email_changes (expires_at);

ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_check,
    ADD CONSTRAINT sessions_end_reason_check
        CHECK (end_reason IN ('logged-out', 'refresh-token-reused', 'password-changed', 'email-changed', 'account-deleted'));
ALTER TABLE sent_emails
    DROP CONSTRAINT sent_emails_kind_check,
    ADD CONSTRAINT sent_emails_kind_check
        CHECK (kind IN ('verification', 'registration-repeated', 'registration-failed', 'password-reset', 'email-change'));
