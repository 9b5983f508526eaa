-- What commands have started in the cluster and users may wait for, beside deployments and one-off commands, which have tables of their own.
CREATE TABLE operations (
    id              uuid         PRIMARY KEY,
    kind            text         NOT NULL CHECK (kind IN ('application-deletion', 'environment-deletion', 'stop')),
    application_id  uuid         NOT NULL REFERENCES applications,
    application     text         NOT NULL,                -- its name, which another one may have later
    environment     text,
    requested_at    timestamptz  NOT NULL,
    state           text         NOT NULL CHECK (state IN ('running', 'succeeded', 'failed')),
    attempts        integer      NOT NULL CHECK (attempts > 0),
    error           text,
    finished_at     timestamptz,
    version         integer      NOT NULL,
    CHECK ((state = 'running') = (finished_at IS NULL))
);
CREATE INDEX operations_application_id ON operations (application_id, id);
CREATE INDEX operations_requested_at ON operations (requested_at);
