-- A one-off command with standard input or a terminal: a client attaches to it with a ticket, which is used once and of which only the hash is stored.
ALTER TABLE runs ADD COLUMN streams text NOT NULL DEFAULT 'logged' CHECK (streams IN ('logged', 'pipes', 'terminal'));
ALTER TABLE runs ADD COLUMN attached_at timestamptz;

CREATE TABLE attach_tickets (
    token_hash     bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    application_id uuid        NOT NULL REFERENCES applications,
    run_id         uuid        NOT NULL REFERENCES runs ON DELETE CASCADE,
    user_id        uuid        NOT NULL,
    session_id     uuid,
    expires_at     timestamptz NOT NULL
);
CREATE INDEX attach_tickets_of_run ON attach_tickets (run_id);
CREATE INDEX attach_tickets_by_expiry ON attach_tickets (expires_at);
