-- What builds of repositories would do, before there is an application. Rows are deleted after a day.
CREATE TABLE inspections (
    id            uuid         PRIMARY KEY,
    team_id       uuid         NOT NULL,
    repository    text         NOT NULL,
    settings      jsonb        NOT NULL,
    requested_at  timestamptz  NOT NULL,
    token_server  text,
    token_user    text,
    sealed_token  text,                                   -- only while the inspection runs
    finished_at   timestamptz,
    commit        text,
    plan          jsonb,
    reason        text,
    detail        text,
    CHECK ((sealed_token IS NULL) = (token_server IS NULL) AND (sealed_token IS NULL) = (token_user IS NULL)),
    CHECK (finished_at IS NULL OR sealed_token IS NULL),
    CHECK ((finished_at IS NOT NULL) = (plan IS NOT NULL OR reason IS NOT NULL))
);
CREATE INDEX inspections_team_id ON inspections (team_id, requested_at);
CREATE INDEX inspections_requested_at ON inspections (requested_at);
