-- A link proves who reads an address. What it is for: to verify the address, or to set a new password.
ALTER TABLE verification_tokens
    ADD COLUMN purpose text NOT NULL DEFAULT 'verification' CHECK (purpose IN ('verification', 'password-reset'));
ALTER TABLE verification_tokens ALTER COLUMN purpose DROP DEFAULT;

ALTER TABLE sent_emails
    DROP CONSTRAINT sent_emails_kind_check,
    ADD CONSTRAINT sent_emails_kind_check CHECK (kind IN ('verification', 'registration-repeated', 'registration-failed', 'password-reset'));
