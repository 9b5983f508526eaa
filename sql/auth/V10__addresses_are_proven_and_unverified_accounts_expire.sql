-- Why sessions end: also because the password was set anew. Accounts whose address is not verified are deleted after a while.
ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_check,
    ADD CONSTRAINT sessions_end_reason_check CHECK (end_reason IN ('logged-out', 'refresh-token-reused', 'password-changed'));
CREATE INDEX users_unverified ON users (created_at) WHERE email_verified_at IS NULL;
