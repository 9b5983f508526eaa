-- Administrators suspend accounts; their users cannot sign in.
ALTER TABLE users
    ADD COLUMN suspended_at timestamptz,
    ADD COLUMN suspension_reason text NOT NULL DEFAULT '' CHECK (length(suspension_reason) <= 500),
    ADD CONSTRAINT users_suspension_has_a_reason CHECK ((suspended_at IS NULL) = (suspension_reason = ''));
CREATE INDEX users_suspended ON users (id) WHERE suspended_at IS NOT NULL;

-- Programs and systems with which a user has signed in. A sign-in with another one sends a notice to the user.
CREATE TABLE known_devices (
    user_id       uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    program       text        NOT NULL,
    system        text        NOT NULL,
    session_id    uuid        NOT NULL,      -- the first one
    first_seen_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, program, system)
);

-- The kinds of e-mails belong to the domain.
ALTER TABLE sent_emails
    DROP CONSTRAINT sent_emails_kind_check,
    ADD CONSTRAINT sent_emails_kind_check CHECK (kind ~ '^[a-z]+(-[a-z]+)*$' AND length(kind) <= 64);
