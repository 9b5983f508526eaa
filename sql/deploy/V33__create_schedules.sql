-- Schedules of environments. The cluster keeps the time (CronJob); `expected_at` is when the next run must come, so that a missing one is noticed.
CREATE TABLE schedules (
    id              uuid PRIMARY KEY,
    application_id  uuid        NOT NULL REFERENCES applications ON DELETE CASCADE,
    environment     text        NOT NULL,
    cron            text        NOT NULL,
    time_zone       text        NOT NULL,
    command         text        NOT NULL CHECK (length(command) BETWEEN 1 AND 4000),
    overlap         text        NOT NULL CHECK (overlap IN ('allow', 'forbid', 'replace')),
    timeout_seconds integer     NOT NULL CHECK (timeout_seconds > 0),
    created_at      timestamptz NOT NULL,
    paused_at       timestamptz,
    expected_at     timestamptz
);
CREATE INDEX schedules_of_application ON schedules (application_id, environment);
CREATE INDEX schedules_expected ON schedules (expected_at) WHERE expected_at IS NOT NULL;
