-- A stopped environment runs nothing and refuses deployments until it is started.
ALTER TABLE environments ADD COLUMN stopped_at timestamptz;
ALTER TABLE deployments DROP CONSTRAINT deployments_cause_check;
ALTER TABLE deployments ADD CONSTRAINT deployments_cause_check
    CHECK (cause IN ('deploy', 'promotion', 'rollback', 'configuration', 'scale', 'restart', 'start'));

-- One-off commands. The command line is here and in the Job only: it may hold what an event must not.
CREATE TABLE runs (
    id             uuid PRIMARY KEY,
    application_id uuid        NOT NULL REFERENCES applications,
    environment    text        NOT NULL,
    release_id     uuid        NOT NULL REFERENCES releases,
    command        text        NOT NULL CHECK (length(command) BETWEEN 1 AND 4000),
    memory_mib     integer     NOT NULL CHECK (memory_mib > 0),
    cpu_millis     integer     NOT NULL CHECK (cpu_millis > 0),
    requested_at   timestamptz NOT NULL,
    cancelled_at   timestamptz,
    finished_at    timestamptz,
    exit_code      integer,
    detail         text
);
CREATE INDEX runs_of_application ON runs (application_id, requested_at);
