-- Addresses that e-mails do not reach: each context that sends e-mails sends no more to them. Suppressed while suppressed_at is after lifted_at:
-- both only grow, so events that arrive twice or late change nothing.
CREATE TABLE email_suppressions (
    address        text         PRIMARY KEY,             -- in lower case
    reason         text         NOT NULL CHECK (reason IN ('bounce', 'complaint')),
    detail         text         NOT NULL,                -- what the mail server or the mailbox provider said
    suppressed_at  timestamptz  NOT NULL,
    lifted_at      timestamptz
);
CREATE INDEX email_suppressions_suppressed_at ON email_suppressions (suppressed_at);
