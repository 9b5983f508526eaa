-- A registration is a saga: user, customer, quota, payment account. The row says where it stands; its timeline is in saga_steps.
CREATE TABLE registrations (
    id             uuid        PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    status         text        NOT NULL CHECK (status IN ('customer', 'quota', 'payment-account', 'limiting', 'completed', 'limited', 'failed')),
    given_up       text        CHECK (given_up IN ('customer', 'quota', 'payment-account')),
    reason         text        CHECK (reason IN ('timed-out', 'refused')),
    detail         text,
    correlation_id text        NOT NULL,
    started_at     timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL,
    deadline_at    timestamptz,
    look_at        timestamptz,
    finished_at    timestamptz,
    version        integer     NOT NULL CHECK (version > 0),
    CHECK ((status IN ('completed', 'limited', 'failed')) = (finished_at IS NOT NULL)),
    CHECK ((finished_at IS NULL) = (look_at IS NOT NULL) AND (finished_at IS NULL) = (deadline_at IS NOT NULL)),
    CHECK ((given_up IS NULL) = (reason IS NULL) AND (given_up IS NOT NULL) = (status IN ('limiting', 'limited', 'failed')))
);
CREATE INDEX registrations_stuck ON registrations (look_at) WHERE finished_at IS NULL;
CREATE INDEX registrations_by_status ON registrations (status, id) WHERE status <> 'completed';

-- Who registered before this has a registration that looks stuck: the housekeeping finds it, and whatever is missing is asked for.
INSERT INTO registrations (id, status, correlation_id, started_at, changed_at, deadline_at, look_at, version)
SELECT id, 'customer', id::text, created_at, now(), now() + interval '1 day', now(), 1 FROM users;
INSERT INTO saga_steps (saga_id, step, position, started_at, finished_at, attempts)
SELECT id, 'user', 1, created_at, created_at, 1 FROM users
UNION ALL SELECT id, 'customer', 2, now(), NULL, 1 FROM users;

ALTER TABLE sent_mails
    DROP CONSTRAINT sent_mails_kind_check,
    ADD CONSTRAINT sent_mails_kind_check CHECK (kind IN ('verification', 'registration-repeated', 'registration-failed'));
