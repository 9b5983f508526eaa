-- When and how the user last proved their identity in a session (claims auth_time and amr). A session of before has its sign-in with the password.
ALTER TABLE sessions
    ADD COLUMN authenticated_at timestamptz,
    ADD COLUMN methods          text[] NOT NULL DEFAULT '{pwd}' CHECK (methods <@ ARRAY ['pwd', 'otp'] AND cardinality(methods) > 0);
UPDATE sessions SET authenticated_at = started_at;
ALTER TABLE sessions ALTER COLUMN authenticated_at SET NOT NULL;

-- The reasons are the code's: EndReason in functions/auth/domain/session.py.
ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_check,
    ADD CONSTRAINT sessions_end_reason_check CHECK (end_reason ~ '^[a-z]+(-[a-z]+)*$' AND length(end_reason) <= 64);
