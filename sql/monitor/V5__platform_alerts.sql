-- What is wrong with the platform itself is an alert like any other: the platform is an application that nobody owns, and admins read.
INSERT INTO applications (id, user_id, name)
VALUES ('00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000', 'capsule')
ON CONFLICT DO NOTHING;

ALTER TABLE alert_rules DROP CONSTRAINT alert_rules_kind_check, DROP CONSTRAINT alert_rules_check;
ALTER TABLE alert_rules
    ADD CONSTRAINT alert_rules_kind CHECK (kind IN (
        'deployment-failed', 'deployment-rolled-back', 'error-rate', 'latency', 'dead-letters', 'dead-letter-age', 'events-given-up')),
    ADD CONSTRAINT alert_rules_threshold CHECK ((threshold IS NULL) = (kind IN ('deployment-failed', 'deployment-rolled-back')));

-- Dead letters as their contexts count them: one row for each function that has any, each time, and one with none when they are gone.
CREATE TABLE dead_letter_counts (
    function    text        NOT NULL,
    at          timestamptz NOT NULL,
    context     text        NOT NULL,
    letters     bigint      NOT NULL CHECK (letters >= 0),
    given_up    bigint      NOT NULL CHECK (given_up BETWEEN 0 AND letters),
    oldest_at   timestamptz NOT NULL,
    PRIMARY KEY (function, at)
);
CREATE INDEX dead_letter_counts_context ON dead_letter_counts (context, function, at DESC);
CREATE INDEX dead_letter_counts_at ON dead_letter_counts (at);
