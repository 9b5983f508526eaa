-- Whose an application is: needed to decide who may read its logs and who pays for its use.

CREATE TABLE applications (
    id            uuid        PRIMARY KEY,
    user_id       uuid        NOT NULL,
    name          text        NOT NULL,
    destroyed_at  timestamptz
);
CREATE INDEX applications_destroyed_at ON applications (destroyed_at) WHERE destroyed_at IS NOT NULL;

-- Use that was measured before it was known whose it is: told to billing as soon as that is known.
CREATE TABLE unowned_usage (
    id              uuid        PRIMARY KEY,
    application_id  uuid        NOT NULL,
    environment     text        NOT NULL,
    window_from     timestamptz NOT NULL,
    window_to       timestamptz NOT NULL,
    requests        bigint      NOT NULL
);
CREATE INDEX unowned_usage_application_id ON unowned_usage (application_id);
CREATE INDEX unowned_usage_window_from ON unowned_usage (window_from);
